// The reference orchestrator: the smallest program that does what a guest's orchestrator has to do.
//
// It says who it is and which image it runs in, asks the TEE for a report of it, tells systemd that it is
// ready, runs the container bundle that was delivered, if any, reports the container's exit status and ends
// with it. The unit then powers the machine off.
//
// The report is over the image's SHA-256 and a nonce of 32 bytes: the verifier's, with --nonce, or a random one. It
// goes to the file of --report, behind its 64 bytes that it is over.
//
// A bundle is delivered as a folder, or as a tar on the disk with the serial number "bundle".

#include <cstdio>
#include <fstream>
#include <string>

#include "attestation.h"
#include "bundle.h"
#include "image.h"
#include "notify.h"

namespace {

constexpr char kUsage[] = "usage: orchestrator [--bundle DIR] [--state DIR] [--report FILE] [--nonce HEX]\n";
constexpr char kDisk[] = "bundle";

int Usage() {
  std::fputs(kUsage, stderr);
  return 2;
}

// Asks for a report, if there is a TEE, and says what became of it. Returns whether all went well.
bool Report(const std::string& digest, const std::string& hex, const std::string& path) {
  const std::string kind = orchestrator::KindOfTee();
  std::printf("orchestrator: TEE: %s\n", kind.c_str());
  if (kind == "none") return true;
  const std::string nonce = hex.empty() ? orchestrator::RandomNonce() : orchestrator::FromHex(hex);
  const std::string data = orchestrator::ReportData(digest, nonce);
  if (data.empty()) {
    std::fputs("orchestrator: can't attest: the image was not measured, or the nonce is not of 32 bytes\n", stderr);
    return false;
  }
  const orchestrator::AttestationReport report = orchestrator::Attest(data);
  if (!report.error.empty()) {
    std::fprintf(stderr, "orchestrator: can't attest: %s\n", report.error.c_str());
    return false;
  }
  std::printf("orchestrator: %s has reported %zu bytes\n", report.provider.c_str(), report.data.size());
  if (path.empty()) return true;
  std::ofstream file(path, std::ios::binary);
  file << data << report.data;
  file.close();
  if (!file) std::fprintf(stderr, "orchestrator: can't write the report to %s\n", path.c_str());
  return static_cast<bool>(file);
}

}  // namespace

int main(int argc, char** argv) {
  std::string bundle, state = "/run/runc", report, nonce;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "--help") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    std::string* value = arg == "--bundle"   ? &bundle
                         : arg == "--state"  ? &state
                         : arg == "--report" ? &report
                         : arg == "--nonce"  ? &nonce
                                             : nullptr;
    if (value == nullptr || i + 1 == argc) return Usage();
    *value = argv[++i];
  }

  // Line by line, also when the output is the journal: a guest can go off at any time.
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::printf("orchestrator: reference orchestrator in %s\n", orchestrator::DescribeImage().c_str());
  std::string digest = orchestrator::MeasuredDigest();
  const bool disk = digest.empty();
  if (disk) digest = orchestrator::MeasuredDigest("/run/system-image/roothash");
  if (!digest.empty()) {
    std::printf("orchestrator: the image was measured as %s:%s\n", disk ? "roothash" : "sha256", digest.c_str());
  }
  if (!Report(digest, nonce, report)) return 1;
  if (std::string error = orchestrator::NotifyReady(); !error.empty()) {
    std::fprintf(stderr, "orchestrator: can't tell systemd that it is ready: %s\n", error.c_str());
    return 1;
  }
  std::puts("orchestrator: ready");

  if (!bundle.empty() && !orchestrator::HasBundle(bundle)) {
    if (const std::string disk = orchestrator::FindDisk(kDisk); !disk.empty()) {
      if (const std::string error = orchestrator::Unpack(disk, bundle); !error.empty()) {
        std::fprintf(stderr, "orchestrator: can't unpack the container bundle: %s\n", error.c_str());
        return 1;
      }
      if (!orchestrator::HasBundle(bundle)) {
        std::fprintf(stderr, "orchestrator: what is on %s is no container bundle: it has no config.json\n", disk.c_str());
        return 1;
      }
    }
  }
  if (bundle.empty() || !orchestrator::HasBundle(bundle)) {
    std::puts("orchestrator: no container bundle was delivered");
    return 0;
  }
  const int status = orchestrator::RunBundle(bundle, state);
  std::printf("orchestrator: container exited with status %d\n", status);
  return status;
}
