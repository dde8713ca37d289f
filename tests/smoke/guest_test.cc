// Reads the image's manifest (mtree(5), one path a line) and looks for what BUILD.bazel put there.

#include <cstdio>
#include <fstream>
#include <string>

namespace {

bool HasEntry(const std::string& manifest, const std::string& path, const std::string& keywords) {
  std::ifstream file(manifest);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(path + " ", 0) == 0) return line.find(keywords) != std::string::npos;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const char* const expected[][2] = {
      {"./usr/bin/orchestrator", "type=file mode=0755 uid=0 gid=0"},
      {"./etc/greeting.toml", "type=file mode=0644 uid=0 gid=0"},
      {"./usr/lib/system-image-release", "type=file mode=0644 uid=0 gid=0"},
      {"./usr/lib/systemd/systemd", "type=file mode=0755 uid=0 gid=0"},
  };
  int missing = argc == 2 ? 0 : 1;
  for (const auto& [path, keywords] : expected) {
    if (argc == 2 && HasEntry(argv[1], path, keywords)) continue;
    std::fprintf(stderr, "the manifest has no %s with %s\n", path, keywords);
    ++missing;
  }
  return missing == 0 ? 0 : 1;
}
