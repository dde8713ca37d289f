#include "bundle.h"

#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

extern char** environ;

namespace orchestrator {
namespace {

// Programs that run OCI bundles, each called as runc is.
constexpr const char* kRuntimes[] = {"/usr/sbin/runc", "/usr/bin/crun"};
constexpr char kTar[] = "/usr/bin/tar";
constexpr int kCannotStart = 127;

// Runs a program, whose path is the first word, and returns its status as a shell does.
int Run(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  if (const int error = posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ); error != 0) {
    std::fprintf(stderr, "orchestrator: can't start %s: %s\n", argv[0], std::strerror(error));
    return kCannotStart;
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      std::fprintf(stderr, "orchestrator: can't wait for %s: %s\n", argv[0], std::strerror(errno));
      return kCannotStart;
    }
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

bool HasBundle(const std::string& directory) { return access((directory + "/config.json").c_str(), R_OK) == 0; }

std::string FindDisk(const std::string& serial, const std::string& block) {
  std::error_code error;
  for (const auto& disk : std::filesystem::directory_iterator(block, error)) {
    std::ifstream file(disk.path() / "serial");
    std::string line;
    if (std::getline(file, line) && line == serial) return "/dev/" + disk.path().filename().string();
  }
  return "";
}

std::string Unpack(const std::string& tar, const std::string& directory) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return directory + ": " + std::strerror(errno);
  const int status = Run({kTar, "--extract", "--numeric-owner", "--file=" + tar, "--directory=" + directory});
  return status == 0 ? "" : tar + ": tar ended with status " + std::to_string(status);
}

int RunBundle(const std::string& directory, const std::string& state) {
  const auto there = [](const char* program) { return access(program, X_OK) == 0; };
  const char* const* const found = std::find_if(std::begin(kRuntimes), std::end(kRuntimes) - 1, there);
  return Run({*found, "--root", state, "run", "--bundle", directory, "container"});
}

}  // namespace orchestrator
