#ifndef SYSTEM_IMAGE_STAGE1_IMAGE_H_
#define SYSTEM_IMAGE_STAGE1_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace stage1 {

// An image in memory. What is measured is what is unpacked: after the constructor, the disk is not read.
class Image {
 public:
  // Reads the first `size` bytes of `disk`, a block device or a file, and digests them meanwhile.
  // Throws Refusal if the disk can't be read or has fewer.
  Image(const std::string& disk, uint64_t size);
  ~Image();
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  // SHA-256, 64 hexadecimal digits in lower case.
  const std::string& digest() const { return digest_; }
  // Seconds until all of it was read, and until it was digested, too.
  double read_in() const { return read_in_; }
  double digested_in() const { return digested_in_; }

  // Gives the memory of the first `end` bytes back: they are read no more.
  void Release(size_t end);

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0, capacity_ = 0, released_ = 0;
  std::string digest_;
  double read_in_ = 0, digested_in_ = 0;
};

}  // namespace stage1

#endif  // SYSTEM_IMAGE_STAGE1_IMAGE_H_
