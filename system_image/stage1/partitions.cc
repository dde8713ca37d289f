#include "partitions.h"

#include <fcntl.h>
#include <lzma.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "bytes.h"
#include "refusal.h"

namespace stage1 {

#if defined(__x86_64__)
const char kRootType[] = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";
const char kVerityType[] = "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5";
#elif defined(__aarch64__)
const char kRootType[] = "b921b045-1df0-41c3-af44-4c6f280d3fae";
const char kVerityType[] = "df3300ce-d69f-4c92-978c-9bfb0f38d820";
#else
#error "the Discoverable Partitions Specification has types for other architectures, too: add them"
#endif

namespace {

constexpr uint32_t kMostEntries = 1024;     // of which 128 are usual
constexpr uint32_t kEntry = 128;            // bytes that are known of an entry
constexpr uint32_t kMostEntrySize = 4096;
constexpr uint32_t kHeader = 92;            // bytes

std::string Guid(const uint8_t* bytes) {
  char text[37];
  std::snprintf(text, sizeof(text), "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", Little32(bytes),
                Little16(bytes + 4), Little16(bytes + 6), bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13],
                bytes[14], bytes[15]);
  return text;
}

[[noreturn]] void Refuse(const Disk& disk, const std::string& problem) { throw Refusal{disk.path + ": " + problem}; }

}  // namespace

std::vector<Partition> ReadPartitions(const Disk& disk) {
  const Descriptor file(open(disk.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) Refuse(disk, std::strerror(errno));
  const auto read = [&](uint64_t at, size_t size) {
    std::vector<uint8_t> bytes(size);
    if (at > disk.size || size > disk.size - at || !ReadAt(file.get(), bytes.data(), size, at)) {
      Refuse(disk, "it ends before its partition table does");
    }
    return bytes;
  };
  const std::vector<uint8_t> first = read(0, 512);
  bool protective = false;
  for (size_t at = 446; at < 510; at += 16) protective = protective || first[at + 4] == 0xee;
  if (!protective || first[510] != 0x55 || first[511] != 0xaa) Refuse(disk, "it has no GUID partition table");
  std::vector<uint8_t> header = read(disk.sector, disk.sector);
  const uint32_t size = Little32(&header[12]);
  const uint32_t checksum = Little32(&header[16]);
  if (std::memcmp(header.data(), "EFI PART", 8) != 0 || size < kHeader || size > disk.sector) {
    Refuse(disk, "it has no GUID partition table");
  }
  std::memset(&header[16], 0, 4);
  if (lzma_crc32(header.data(), size, 0) != checksum || Little64(&header[24]) != 1) {
    Refuse(disk, "the header of its partition table is damaged");
  }
  const uint64_t other = Little64(&header[32]), last_usable = Little64(&header[48]), table = Little64(&header[72]);
  const uint32_t count = Little32(&header[80]), entry = Little32(&header[84]);
  const uint64_t sectors = disk.size / disk.sector;
  if (count > kMostEntries || entry < kEntry || entry > kMostEntrySize || entry % kEntry != 0 || table < 2 ||
      table > sectors) {
    Refuse(disk, "its partition table is of a size that nothing makes");
  }
  const std::vector<uint8_t> entries = read(table * disk.sector, size_t{count} * entry);
  if (lzma_crc32(entries.data(), entries.size(), 0) != Little32(&header[88])) {
    Refuse(disk, "its partition table is damaged");
  }
  if (std::max(other, last_usable) >= sectors) {
    Refuse(disk, "it has fewer bytes than its partition table says: it is cut off");
  }
  std::vector<Partition> partitions;
  for (uint32_t number = 0; number < count; ++number) {
    const uint8_t* bytes = &entries[size_t{number} * entry];
    Partition partition;
    partition.type = Guid(bytes);
    if (partition.type == "00000000-0000-0000-0000-000000000000") continue;
    const uint64_t start = Little64(bytes + 32), last = Little64(bytes + 40);
    if (start < 2 || last < start || last > last_usable) {
      Refuse(disk, "partition " + std::to_string(number + 1) + " is not where partitions can be");
    }
    partition.start = start * disk.sector;
    partition.size = (last - start + 1) * disk.sector;
    partitions.push_back(partition);
  }
  return partitions;
}

Found FindPartitions(const std::vector<Disk>& disks) {
  Found found;
  std::string root, verity, problems;
  // Takes a partition that is the first of its type.
  const auto take = [](const Disk& disk, const Partition& partition, const char* type, std::string& where, Partition& to) {
    if (partition.type != type) return;
    if (!where.empty()) {
      const std::string both = where == disk.path ? disk.path + " twice" : where + " and " + disk.path;
      throw Refusal{"a partition of the type " + std::string(type) + " is on " + both + "; leave one"};
    }
    where = disk.path;
    to = partition;
  };
  for (const Disk& disk : disks) {
    std::vector<Partition> partitions;
    try {
      partitions = ReadPartitions(disk);
    } catch (const Refusal& refusal) {
      problems += "; " + refusal.why;
      continue;
    }
    for (const Partition& partition : partitions) {
      take(disk, partition, kRootType, root, found.root);
      take(disk, partition, kVerityType, verity, found.verity);
    }
    if (root == disk.path) found.disk = disk;
  }
  if (root.empty()) throw Refusal{"no disk has a partition of the type " + std::string(kRootType) + problems};
  if (verity.empty()) throw Refusal{"no disk has a partition of the type " + std::string(kVerityType) + problems};
  if (root != verity) throw Refusal{"the file system is on " + root + ", and its hash tree is on " + verity};
  return found;
}

}  // namespace stage1
