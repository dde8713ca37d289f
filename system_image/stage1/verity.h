#ifndef SYSTEM_IMAGE_STAGE1_VERITY_H_
#define SYSTEM_IMAGE_STAGE1_VERITY_H_

#include <cstdint>
#include <string>

#include "partitions.h"

namespace stage1 {

// What a hash tree is of.
struct Verity {
  std::string salt;     // 64 hexadecimal digits
  uint64_t blocks = 0;  // of the file system, 4096 bytes each
};

// Reads the superblock of a hash tree, and compares the digest of the tree's uppermost block with the root hash. Throws
// Refusal if that differs, or any byte of the superblock is not what it has to be.
//
// The format is that of cryptsetup ("Verity on-disk format", version 1, hash type 1): SHA-256, blocks of 4096 bytes, a
// salt of 32 bytes; the UUID is the root hash's first 128 bits. The salt and the number of blocks are not measured, and
// need not be: with another salt, the digest of the uppermost block is another.
Verity ReadVerity(const Found& found, const std::string& root_hash);

// Throws Refusal unless a verity device holds an erofs of so many blocks. What is read from there is verified, so a hash
// tree that was cut off, or lengthened, shows here.
void CheckFileSystem(const std::string& device, const Verity& verity);

// Makes a read-only device of dm-verity, which stops the machine at the first block that is not what was measured.
// Returns its path. `data` and `tree` are the partitions' block devices. Throws Refusal.
std::string MakeDevice(const std::string& data, const std::string& tree, const Verity& verity,
                       const std::string& root_hash);

}  // namespace stage1

#endif  // SYSTEM_IMAGE_STAGE1_VERITY_H_
