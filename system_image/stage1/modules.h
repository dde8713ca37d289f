#ifndef SYSTEM_IMAGE_STAGE1_MODULES_H_
#define SYSTEM_IMAGE_STAGE1_MODULES_H_

#include <string>

namespace stage1 {

// Loads the kernel modules of a folder: those that its file `order` names, a line each, in this order, and then those of
// `optional`, which may be of what this machine does not have. Throws Refusal for one of `order` that can't be loaded.
void LoadModules(const std::string& folder);

}  // namespace stage1

#endif  // SYSTEM_IMAGE_STAGE1_MODULES_H_
