// Opens each library that is named, as a program of CUDA does, and says of each whether that works.

#include <dlfcn.h>

#include <cstdio>

int main(int count, char** names) {
  int status = 0;
  for (int i = 1; i < count; ++i) {
    const bool opened = dlopen(names[i], RTLD_NOW | RTLD_LOCAL) != nullptr;
    std::printf("%s %s\n", names[i], opened ? "opened" : dlerror());
    if (!opened) status = 1;
  }
  return status;
}
