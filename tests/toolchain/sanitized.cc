// Does what a sanitizer has to notice, in a process of its own. It ends with status 0 if that was noticed.

#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace {

volatile int zero = 0;
volatile int largest = INT_MAX;
char* volatile kept = nullptr;

void Overflow() {
  kept = static_cast<char*>(std::malloc(8));
  kept[8 + zero] = 1;
}

void Race() {
  static int shared;
  std::thread other([] { ++shared; });
  ++shared;
  other.join();
}

void Leak() {
  kept = static_cast<char*>(std::malloc(8));
  kept = nullptr;
}

void Misbehave(const char* sanitizer) {
  if (std::strcmp(sanitizer, "asan") == 0) Overflow();
  if (std::strcmp(sanitizer, "lsan") == 0) Leak();
  if (std::strcmp(sanitizer, "tsan") == 0) Race();
  if (std::strcmp(sanitizer, "ubsan") == 0) std::printf("%d\n", largest + 1);
}

}  // namespace

int main(int, char** argv) {
  const pid_t child = fork();
  if (child == 0) {
    Misbehave(argv[1]);
    return 0;
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status != 0 ? 0 : 1;
}
