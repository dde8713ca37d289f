#ifndef SYSTEM_IMAGE_STAGE1_BYTES_H_
#define SYSTEM_IMAGE_STAGE1_BYTES_H_

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace stage1 {

// Numbers as they are on a disk, the low byte first.
inline uint16_t Little16(const uint8_t* bytes) { return static_cast<uint16_t>(bytes[0] | bytes[1] << 8); }
inline uint32_t Little32(const uint8_t* bytes) { return Little16(bytes) | uint32_t{Little16(bytes + 2)} << 16; }
inline uint64_t Little64(const uint8_t* bytes) { return Little32(bytes) | uint64_t{Little32(bytes + 4)} << 32; }

// A file that is closed when it is no longer needed.
class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

// Returns whether all of the bytes could be read.
inline bool ReadAt(int descriptor, uint8_t* bytes, size_t size, uint64_t at) {
  while (size > 0) {
    const ssize_t count = pread(descriptor, bytes, size, static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes += count;
    at += static_cast<uint64_t>(count);
    size -= static_cast<size_t>(count);
  }
  return true;
}

}  // namespace stage1

#endif  // SYSTEM_IMAGE_STAGE1_BYTES_H_
