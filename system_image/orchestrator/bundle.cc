#include "bundle.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

extern char** environ;

namespace orchestrator {
namespace {

constexpr char kRunc[] = "/usr/sbin/runc";
constexpr int kCannotStart = 127;

}  // namespace

bool HasBundle(const std::string& directory) { return access((directory + "/config.json").c_str(), R_OK) == 0; }

int RunBundle(const std::string& directory) {
  std::string program = kRunc, command = "run", option = "--bundle", path = directory, name = "container";
  char* const argv[] = {program.data(), command.data(), option.data(), path.data(), name.data(), nullptr};
  pid_t child = 0;
  if (const int error = posix_spawn(&child, kRunc, nullptr, nullptr, argv, environ); error != 0) {
    std::fprintf(stderr, "orchestrator: can't start %s: %s\n", kRunc, std::strerror(error));
    return kCannotStart;
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      std::fprintf(stderr, "orchestrator: can't wait for %s: %s\n", kRunc, std::strerror(errno));
      return kCannotStart;
    }
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace orchestrator
