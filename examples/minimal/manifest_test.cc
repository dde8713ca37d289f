// manifest_test MANIFEST PATH=MODE...: looks for files of root's in an image's manifest (mtree(5), one path a
// line), as BUILD.bazel put them there.

#include <cstdio>
#include <fstream>
#include <string>

namespace {

bool HasFile(const char* manifest, const std::string& path, const std::string& mode) {
  const std::string wanted = "./" + path + " type=file mode=" + mode + " uid=0 gid=0 ";
  std::ifstream file(manifest);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(wanted, 0) == 0) return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  int missing = argc > 2 ? 0 : 1;
  for (int i = 2; i < argc; ++i) {
    const std::string expected = argv[i];
    const size_t equals = expected.find('=');
    if (HasFile(argv[1], expected.substr(0, equals), expected.substr(equals + 1))) continue;
    std::fprintf(stderr, "%s has no file %s\n", argv[1], argv[i]);
    ++missing;
  }
  return missing == 0 ? 0 : 1;
}
