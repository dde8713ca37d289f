// Does what a sanitizer has to notice. It ends with status 0 if that was noticed.

#include <sanitizer/common_interface_defs.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace {

volatile int zero = 0;
volatile int largest = INT_MAX;

void Noticed() { _exit(0); }

void Overflow() {
  char* const bytes = static_cast<char*>(std::malloc(8));
  bytes[8 + zero] = 1;
  std::free(bytes);
}

void Race() {
  static int shared;
  std::thread other([] { ++shared; });
  ++shared;
  other.join();
}

void Leak() {
  char* volatile lost = static_cast<char*>(std::malloc(8));
  lost = nullptr;
}

}  // namespace

int main(int, char** argv) {
  __sanitizer_set_death_callback(Noticed);
  if (std::strcmp(argv[1], "asan") == 0) Overflow();
  if (std::strcmp(argv[1], "ubsan") == 0) std::printf("%d\n", largest + 1);
  if (std::strcmp(argv[1], "tsan") == 0) Race();
  if (std::strcmp(argv[1], "lsan") == 0) Leak();
  return 1;
}
