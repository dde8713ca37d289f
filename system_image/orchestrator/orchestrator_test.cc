// Tests of the reference orchestrator's parts. Each prints the line at fault and ends with status 1.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "attestation.h"
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

// A folder that behaves as configfs does where the kernel has a TSM: what is in an entry comes with it.
std::string FakeTsm(const std::string& name, const std::string& outblob) {
  const std::string tsm = TemporaryPath(name);
  std::filesystem::create_directories(tsm);
  std::ofstream(tsm + ".outblob") << outblob;
  return tsm;
}

int MakeFakeEntry(const std::string& entry) {
  if (mkdir(entry.c_str(), 0700) != 0) return -1;
  std::ofstream(entry + "/inblob");
  std::ofstream(entry + "/generation") << "1\n";
  std::ofstream(entry + "/provider") << "sev_guest\n";
  std::filesystem::copy_file(std::filesystem::path(entry).parent_path().string() + ".outblob", entry + "/outblob");
  return 0;
}

void AttestAsksForOneReportOverTheBytes() {
  const std::string tsm = FakeTsm("tsm", std::string("a report\0of bytes", 17));
  const AttestationReport report = Attest(std::string(64, 'x'), tsm, MakeFakeEntry);
  CHECK(report.error.empty());
  CHECK(report.provider == "sev_guest");
  CHECK(report.data == std::string("a report\0of bytes", 17));
  std::ifstream file(tsm + "/orchestrator/inblob");
  std::string asked;
  std::getline(file, asked);
  CHECK(asked == std::string(64, 'x'));
}

void AttestSaysWhereItCanNot() {
  // The first entry is still there: rmdir(2) of a real one removes its files.
  CHECK(Attest("x", TemporaryPath("tsm"), MakeFakeEntry).error == TemporaryPath("tsm") + "/orchestrator: File exists");
  CHECK(Attest("x", TemporaryPath("no_tsm")).error.find("No such file or directory") != std::string::npos);
  CHECK(Attest("x", FakeTsm("empty_tsm", ""), MakeFakeEntry).error.find("the report is empty") != std::string::npos);
  const auto without_outblob = [](const std::string& entry) {
    return MakeFakeEntry(entry) == 0 ? unlink((entry + "/outblob").c_str()) : -1;
  };
  CHECK(Attest("x", FakeTsm("broken_tsm", "x"), without_outblob).error.find("outblob: No such file") != std::string::npos);
  CHECK(Attest("x", FakeTsm("broken_tsm", "x"), without_outblob).data.empty());
}

void ReportDataIsTheDigestAndTheNonce() {
  const std::string digest = "00ff" + std::string(60, 'a');
  const std::string data = ReportData(digest, std::string(32, 'n'));
  CHECK(data.size() == 64);
  CHECK(data.substr(0, 3) == std::string("\x00\xff\xaa", 3));
  CHECK(data.substr(32) == std::string(32, 'n'));
  CHECK(ReportData(digest, "short").empty());
  CHECK(ReportData("", std::string(32, 'n')).empty());
  CHECK(ReportData(digest + "00", std::string(32, 'n')).empty());
  CHECK(FromHex("0g").empty());
  CHECK(FromHex("012").empty());
  CHECK(RandomNonce().size() == 32);
  CHECK(RandomNonce() != RandomNonce());
}

void KindOfTeeIsNoneWhereTheLoaderSaysNothing() {
  const std::string path = TemporaryPath("tee");
  std::ofstream(path) << "sev-snp\n";
  CHECK(KindOfTee(path) == "sev-snp");
  CHECK(KindOfTee(path + ".missing") == "none");
}

}  // namespace
}  // namespace orchestrator

int main() {
  orchestrator::AttestAsksForOneReportOverTheBytes();
  orchestrator::AttestSaysWhereItCanNot();
  orchestrator::ReportDataIsTheDigestAndTheNonce();
  orchestrator::KindOfTeeIsNoneWhereTheLoaderSaysNothing();
  orchestrator::ReleaseValueReadsQuotedAndPlainValuesAndNoOtherKey();
  orchestrator::NotifyReadyReachesTheServiceManagersSocket();
  orchestrator::NotifyReadySaysWhyItFails();
  orchestrator::HasBundleWantsAConfig();
  orchestrator::FindDiskGoesByTheSerialNumberAlone();
  orchestrator::UnpackSaysWhereItCanNot();
  orchestrator::MeasuredDigestIsThatOfTheLoader();
}
