#ifndef SYSTEM_IMAGE_STAGE1_WORDS_H_
#define SYSTEM_IMAGE_STAGE1_WORDS_H_

#include <cstdint>
#include <string>

namespace stage1 {

// What the command line says of a system image.
struct ImageWords {
  uint64_t size = 0;   // bytes
  std::string sha256;  // 64 hexadecimal digits in lower case, or "" for any image
  bool plain = false;  // unpack as a plain tar does
};

// Reads the kernel's command line, in a guest whose system is an image.
// Throws Refusal for a line without a size, for a word that is there twice, empty or malformed, and for any other word
// that begins with `stage1`: a slip there must never switch a check off.
ImageWords ReadImageWords(const std::string& line);

// Reads the kernel's command line, in a guest whose system is a measured disk. Returns the root hash, 64 hexadecimal digits in lower case.
// Throws Refusal for a line without it, and for any other word that begins with `stage1`.
std::string RootHash(const std::string& line);

}  // namespace stage1

#endif  // SYSTEM_IMAGE_STAGE1_WORDS_H_
