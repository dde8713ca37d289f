#ifndef SYSTEM_IMAGE_STAGE1_CONTENTS_H_
#define SYSTEM_IMAGE_STAGE1_CONTENTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "image.h"

namespace stage1 {

// Bytes that somebody else keeps.
struct Bytes {
  const uint8_t* data = nullptr;
  size_t size = 0;
};

// The tar in an image, from front to back.
class Contents {
 public:
  virtual ~Contents() = default;

  // Bytes of the tar: at least its length, unless the image lies.
  virtual uint64_t size() const = 0;

  // Starts decoding, with at most so many threads and, where that helps, so many bytes of memory.
  virtual void Start(unsigned threads, uint64_t memory) = 0;

  // Returns the next bytes, which are there until the next call; none at the end. Throws Refusal for a damaged image.
  virtual Bytes Next() = 0;
};

// Finds out what an image is: a tar, one xz stream (xz's file format 1.2.1) or frames of zstd (RFC 8878).
// Throws Refusal if it is none, or is not whole.
std::unique_ptr<Contents> Open(Image& image);

}  // namespace stage1

#endif  // SYSTEM_IMAGE_STAGE1_CONTENTS_H_
