#include "modules.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "refusal.h"

namespace stage1 {
namespace {

// Returns 0, or why not.
int Load(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  const int problem = syscall(SYS_finit_module, descriptor, "", 0) == 0 || errno == EEXIST ? 0 : errno;
  close(descriptor);
  return problem;
}

// Loads the modules of a list; calls `fail` with the name of one that can't be loaded, and why.
template <typename Fail>
void LoadList(const std::string& folder, const std::string& list, Fail fail) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen((folder + "/" + list).c_str(), "re"), std::fclose);
  if (!file) throw Refusal{folder + "/" + list + " can't be read"};
  char line[256];
  while (std::fgets(line, sizeof(line), file.get()) != nullptr) {
    const std::string module(line, std::strcspn(line, "\n"));
    const std::string path = folder + "/" + module;
    const int problem = Load(path);
    unlink(path.c_str());  // the kernel has a copy
    if (problem != 0) fail(module, std::strerror(problem));
  }
}

}  // namespace

void LoadModules(const std::string& folder) {
  LoadList(folder, "order", [](const std::string& module, const std::string& why) {
    throw Refusal{"the module " + module + " can't be loaded: " + why};
  });
}

void LoadOptionalModules(const std::string& folder) {
  LoadList(folder, "optional", [](const std::string&, const std::string&) {});
}

}  // namespace stage1
