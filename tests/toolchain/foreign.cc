// A library of another module, with that module's own BUILD file.

#include <iostream>
#include <memory>
#include <string>

// Where it is depends on the version of rules_cc.
#if __has_include("rules_cc/cc/runfiles/runfiles.h")
#include "rules_cc/cc/runfiles/runfiles.h"
using rules_cc::cc::runfiles::Runfiles;
#else
#include "tools/cpp/runfiles/runfiles.h"
using bazel::tools::cpp::runfiles::Runfiles;
#endif

int main(int, char** argv) {
  std::string error;
  const std::unique_ptr<Runfiles> runfiles(Runfiles::Create(argv[0], "", "/proc", &error));
  std::cerr << error << std::endl;
  return runfiles != nullptr && runfiles->Rlocation("a/b") == "/proc/a/b" ? 0 : 1;
}
