#ifndef SYSTEM_IMAGE_STAGE1_MODULES_H_
#define SYSTEM_IMAGE_STAGE1_MODULES_H_

#include <string>

namespace stage1 {

// Loads the kernel modules of a folder that its file `order` names, a line each, in this order. Throws Refusal for one
// that can't be loaded.
void LoadModules(const std::string& folder);

// Loads those that its file `optional` names, which may be of what this machine does not have. Needs those of `order`.
void LoadOptionalModules(const std::string& folder);

}  // namespace stage1

#endif  // SYSTEM_IMAGE_STAGE1_MODULES_H_
