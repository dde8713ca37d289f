#include "verity.h"

// As in image.cc.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <openssl/sha.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "bytes.h"
#include "refusal.h"

namespace stage1 {
namespace {

constexpr size_t kBlock = 4096;
constexpr size_t kSalt = 32;
constexpr uint64_t kSector = 512;  // of the device mapper, whatever the disk has
constexpr uint64_t kMostBlocks = uint64_t{1} << 40;
constexpr size_t kUuidAt = 16, kAlgorithmAt = 32, kDataBlockAt = 64, kHashBlockAt = 68, kBlocksAt = 72, kSaltSizeAt = 80,
                 kSaltAt = 88;
constexpr size_t kErofsAt = 1024;  // bytes before the superblock of an erofs
constexpr uint32_t kErofsMagic = 0xe0f5e1e2;

using Block = std::array<uint8_t, kBlock>;

void PutLittle(uint8_t* bytes, uint64_t number, size_t size) {
  for (size_t at = 0; at < size; ++at) bytes[at] = static_cast<uint8_t>(number >> (8 * at));
}

std::string Hex(const uint8_t* bytes, size_t size) {
  std::string hex;
  for (size_t at = 0; at < size; ++at) {
    hex += "0123456789abcdef"[bytes[at] >> 4];
    hex += "0123456789abcdef"[bytes[at] & 15];
  }
  return hex;
}

// The one superblock that a tree with this salt and root hash can have.
Block Superblock(const uint8_t* salt, uint64_t blocks, const std::string& root_hash) {
  Block block = {};
  std::memcpy(&block[0], "verity", 6);
  PutLittle(&block[8], 1, 4);   // version
  PutLittle(&block[12], 1, 4);  // hash type: the salt comes first
  for (size_t at = 0; at < 16; ++at) {
    block[kUuidAt + at] = static_cast<uint8_t>(std::stoul(root_hash.substr(2 * at, 2), nullptr, 16));
  }
  std::memcpy(&block[kAlgorithmAt], "sha256", 6);
  PutLittle(&block[kDataBlockAt], kBlock, 4);
  PutLittle(&block[kHashBlockAt], kBlock, 4);
  PutLittle(&block[kBlocksAt], blocks, 8);
  PutLittle(&block[kSaltSizeAt], kSalt, 2);
  std::memcpy(&block[kSaltAt], salt, kSalt);
  return block;
}

// An ioctl of the device mapper: its header, and what follows it.
class Mapper {
 public:
  Mapper() : control_(open("/dev/mapper/control", O_RDWR | O_CLOEXEC)) {
    if (control_.get() < 0) Fail("/dev/mapper/control");
  }

  // Returns the device's number.
  uint64_t Call(unsigned long request, const char* what, uint32_t flags, const std::string& target = "",
                uint64_t sectors = 0) {
    alignas(dm_ioctl) char buffer[kBlock] = {};
    auto* header = reinterpret_cast<dm_ioctl*>(buffer);
    header->version[0] = DM_VERSION_MAJOR;
    header->data_size = sizeof(buffer);
    header->data_start = sizeof(dm_ioctl);
    header->flags = flags;
    std::strcpy(header->name, "system-image");
    if (!target.empty()) {
      auto* spec = reinterpret_cast<dm_target_spec*>(buffer + sizeof(dm_ioctl));
      header->target_count = 1;
      spec->length = sectors;
      std::strcpy(spec->target_type, "verity");
      std::strcpy(buffer + sizeof(dm_ioctl) + sizeof(dm_target_spec), target.c_str());
    }
    if (ioctl(control_.get(), request, buffer) != 0) Fail(what);
    return header->dev;
  }

 private:
  [[noreturn]] static void Fail(const char* what) {
    throw Refusal{std::string("dm-verity can't be set up: ") + what + ": " + std::strerror(errno)};
  }

  Descriptor control_;
};

}  // namespace

Verity ReadVerity(const Found& found, const std::string& root_hash) {
  const Refusal unreadable{found.disk.path + ": its hash tree can't be read"};
  const Descriptor file(open(found.disk.path.c_str(), O_RDONLY | O_CLOEXEC));
  Block super, top;
  if (found.verity.size < 2 * kBlock || file.get() < 0 ||
      !ReadAt(file.get(), super.data(), kBlock, found.verity.start) ||
      !ReadAt(file.get(), top.data(), kBlock, found.verity.start + kBlock)) {
    throw unreadable;
  }
  const uint8_t* salt = &super[kSaltAt];
  Verity verity;
  verity.salt = Hex(salt, kSalt);
  verity.blocks = Little64(&super[kBlocksAt]);
  SHA256_CTX context;
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256_Init(&context);
  SHA256_Update(&context, salt, kSalt);
  SHA256_Update(&context, top.data(), kBlock);
  SHA256_Final(digest, &context);
  const std::string hash = Hex(digest, sizeof(digest));
  if (std::memcmp(super.data(), "verity\0\0", 8) != 0) {
    throw Refusal{found.disk.path + ": its hash tree has no superblock: the disk is damaged, or its partitions are swapped"};
  }
  if (hash != root_hash) {
    throw Refusal{"the root hash of " + found.disk.path + " is " + hash + ", the command line wants " + root_hash};
  }
  if (super != Superblock(salt, verity.blocks, root_hash)) {
    throw Refusal{found.disk.path + ": the superblock of its hash tree is damaged"};
  }
  if (verity.blocks < 2 || verity.blocks > kMostBlocks || verity.blocks * kBlock > found.root.size) {
    throw Refusal{found.disk.path + ": its hash tree is of " + std::to_string(verity.blocks) +
                  " blocks, which its file system does not have"};
  }
  return verity;
}

std::string MakeDevice(const std::string& data, const std::string& tree, const Verity& verity,
                       const std::string& root_hash) {
  Mapper mapper;
  mapper.Call(DM_DEV_CREATE, "a device", DM_READONLY_FLAG);
  const std::string block = std::to_string(kBlock);
  // Version, devices, sizes of their blocks, number of blocks, the tree's first block (behind its superblock).
  const std::string table = "1 " + data + " " + tree + " " + block + " " + block + " " + std::to_string(verity.blocks) +
                            " 1 sha256 " + root_hash + " " + verity.salt + " 1 panic_on_corruption";
  mapper.Call(DM_TABLE_LOAD, "its table", DM_READONLY_FLAG, table, verity.blocks * (kBlock / kSector));
  const uint64_t number = mapper.Call(DM_DEV_SUSPEND, "its start", 0);
  return "/dev/dm-" + std::to_string((number & 0xff) | (number >> 12 & 0xfff00));
}

void CheckFileSystem(const std::string& device, const Verity& verity) {
  const Descriptor file(open(device.c_str(), O_RDONLY | O_CLOEXEC));
  Block block;
  if (file.get() < 0 || !ReadAt(file.get(), block.data(), kBlock, 0)) throw Refusal{device + " can't be read"};
  const uint8_t* super = &block[kErofsAt];
  const uint64_t blocks = Little32(super + 36);
  if (Little32(super) != kErofsMagic || super[12] != 12 || blocks != verity.blocks) {
    throw Refusal{"the disk has no erofs of " + std::to_string(verity.blocks) + " blocks, as its hash tree has"};
  }
}

}  // namespace stage1
