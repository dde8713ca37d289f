#ifndef SYSTEM_IMAGE_STAGE1_REFUSAL_H_
#define SYSTEM_IMAGE_STAGE1_REFUSAL_H_

#include <string>

namespace stage1 {

// Thrown for an image that is not started. `why` is one line, for the console.
struct Refusal {
  std::string why;
};

// An image whose contents are not as they have to be, found after it was measured.
[[noreturn]] inline void RefuseContents(const std::string& problem) {
  throw Refusal{"the system image can't be unpacked: " + problem};
}

[[noreturn]] inline void RefuseForMemory() {
  throw Refusal{"memory ran out while the system image was unpacked; give the machine more"};
}

}  // namespace stage1

#endif  // SYSTEM_IMAGE_STAGE1_REFUSAL_H_
