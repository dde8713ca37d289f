#ifndef SYSTEM_IMAGE_STAGE1_WORDS_H_
#define SYSTEM_IMAGE_STAGE1_WORDS_H_

#include <string>

namespace stage1 {

// Reads the kernel's command line. Returns the root hash, 64 hexadecimal digits in lower case.
// Throws Refusal for a line without it, and for any other word that begins with `stage1`: a slip there must never
// switch a check off.
std::string RootHash(const std::string& line);

}  // namespace stage1

#endif  // SYSTEM_IMAGE_STAGE1_WORDS_H_
