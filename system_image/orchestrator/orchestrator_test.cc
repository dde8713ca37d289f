// Tests of the reference orchestrator's parts. Each prints the line at fault and ends with status 1.

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "bundle.h"
#include "image.h"
#include "notify.h"

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      std::fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                             \
    }                                                                           \
  } while (false)

namespace orchestrator {
namespace {

std::string TemporaryPath(const std::string& name) {
  const char* directory = std::getenv("TEST_TMPDIR");
  return std::string(directory == nullptr ? "/tmp" : directory) + "/" + name;
}

void ReleaseValueReadsQuotedAndPlainValuesAndNoOtherKey() {
  const std::string path = TemporaryPath("release");
  std::ofstream(path) << "# IMAGE_ID=comment\nNOT_IMAGE_ID=other\nIMAGE_ID=vanilla\nPRETTY_NAME=\"Debian 13\"\n";
  CHECK(ReleaseValue(path, "IMAGE_ID") == "vanilla");
  CHECK(ReleaseValue(path, "PRETTY_NAME") == "Debian 13");
  CHECK(ReleaseValue(path, "MISSING").empty());
  CHECK(ReleaseValue(path + ".missing", "IMAGE_ID").empty());
}

void NotifyReadyReachesTheServiceManagersSocket() {
  // An abstract name, since the path of a test folder can be longer than a socket's name may be.
  const std::string name = "orchestrator_test_" + std::to_string(getpid());
  const int manager = socket(AF_UNIX, SOCK_DGRAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  CHECK(bind(manager, reinterpret_cast<sockaddr*>(&address), size) == 0);

  setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  CHECK(NotifyReady().empty());
  char message[32] = {};
  CHECK(recv(manager, message, sizeof(message) - 1, 0) == 7);
  CHECK(std::string(message) == "READY=1");
  CHECK(std::getenv("NOTIFY_SOCKET") == nullptr);
  close(manager);
}

void NotifyReadySaysWhyItFails() {
  setenv("NOTIFY_SOCKET", "relative", 1);
  CHECK(!NotifyReady().empty());
  setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
  CHECK(NotifyReady() == std::strerror(ENOENT));
  unsetenv("NOTIFY_SOCKET");
  CHECK(NotifyReady().empty());
}

void HasBundleWantsAConfig() {
  CHECK(!HasBundle(TemporaryPath("no_bundle")));
  std::ofstream(TemporaryPath("config.json")) << "{}";
  CHECK(HasBundle(TemporaryPath("")));
}

void FindDiskGoesByTheSerialNumberAlone() {
  const std::filesystem::path block = TemporaryPath("block");
  std::filesystem::create_directories(block / "vda");
  std::filesystem::create_directories(block / "vdb");
  std::filesystem::create_directories(block / "loop0");  // It has no serial number.
  std::ofstream(block / "vda/serial") << "bundles\n";
  std::ofstream(block / "vdb/serial") << "bundle";
  CHECK(FindDisk("bundle", block) == "/dev/vdb");
  CHECK(FindDisk("other", block).empty());
  CHECK(FindDisk("bundle", TemporaryPath("no_block")).empty());
}

void UnpackSaysWhereItCanNot() {
  CHECK(Unpack("/dev/null", TemporaryPath("missing") + "/bundle").find("No such file or directory") != std::string::npos);
}

void MeasuredDigestIsThatOfTheLoader() {
  const std::string path = TemporaryPath("sha256");
  std::ofstream(path) << "0123abcd\n";
  CHECK(MeasuredDigest(path) == "0123abcd");
  CHECK(MeasuredDigest(path + ".missing").empty());
}

}  // namespace
}  // namespace orchestrator

int main() {
  orchestrator::ReleaseValueReadsQuotedAndPlainValuesAndNoOtherKey();
  orchestrator::NotifyReadyReachesTheServiceManagersSocket();
  orchestrator::NotifyReadySaysWhyItFails();
  orchestrator::HasBundleWantsAConfig();
  orchestrator::FindDiskGoesByTheSerialNumberAlone();
  orchestrator::UnpackSaysWhereItCanNot();
  orchestrator::MeasuredDigestIsThatOfTheLoader();
}
