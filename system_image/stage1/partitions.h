#ifndef SYSTEM_IMAGE_STAGE1_PARTITIONS_H_
#define SYSTEM_IMAGE_STAGE1_PARTITIONS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace stage1 {

// Types of the Discoverable Partitions Specification, for the architecture that this program is built for.
extern const char kRootType[];
extern const char kVerityType[];

struct Partition {
  std::string type;  // a GUID, in lower case
  uint64_t start = 0, size = 0;  // bytes
};

// A disk, and what it is read by.
struct Disk {
  std::string path;
  uint64_t size = 0;    // bytes
  uint32_t sector = 0;  // bytes of a logical block
};

// Reads a disk's partition table: the protective MBR, and the primary GPT, whose checksums have to be right (UEFI
// Specification 2.10, 5.2 and 5.3). Throws Refusal for a disk that has none, and for one that is shorter than the
// table says. Nothing of it is trusted: it says where to look, and the root hash says what has to be there.
std::vector<Partition> ReadPartitions(const Disk& disk);

// The two partitions of a measured disk.
struct Found {
  Disk disk;
  Partition root, verity;
};

// Finds them. Throws Refusal if no disk has them, or more than one partition is of a type: which is meant, nobody can
// know, and a host that adds a disk does not get to choose.
Found FindPartitions(const std::vector<Disk>& disks);

}  // namespace stage1

#endif  // SYSTEM_IMAGE_STAGE1_PARTITIONS_H_
