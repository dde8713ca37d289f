#include "image.h"

#include <fstream>
#include <string>

namespace orchestrator {

std::string ReleaseValue(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  const std::string prefix = key + "=";
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(prefix, 0) != 0) continue;
    std::string value = line.substr(prefix.size());
    if (value.size() >= 2 && value.front() == value.back() && (value.front() == '"' || value.front() == '\'')) {
      value = value.substr(1, value.size() - 2);
    }
    return value;
  }
  return "";
}

std::string DescribeImage() {
  std::string image = ReleaseValue("/usr/lib/system-image-release", "IMAGE_ID");
  std::string system = ReleaseValue("/etc/os-release", "PRETTY_NAME");
  if (image.empty()) image = "an unnamed image";
  if (system.empty()) system = "an unknown system";
  return image + " (" + system + ")";
}

std::string MeasuredDigest(const std::string& path) {
  std::ifstream file(path);
  std::string digest;
  std::getline(file, digest);
  return digest;
}

}  // namespace orchestrator
