// A program that is linked with a symbol of a version, and asks for another one when it runs.

#include <dlfcn.h>

#include "versioned.h"

int main() {
  using Function = int (*)();
  const auto old = reinterpret_cast<Function>(dlvsym(RTLD_DEFAULT, "answer", "VERSIONED_1"));
  return answer() == 42 && old != nullptr && old() == 41 ? 0 : 1;
}
