// The reference orchestrator: the smallest program that does what a guest's orchestrator has to do.
//
// It says who it is and which image it runs in, tells systemd that it is ready, runs the container
// bundle that was delivered, if any, reports the container's exit status and ends with it. The unit
// then powers the machine off.
//
// A bundle is delivered as a folder, or as a tar on the disk with the serial number "bundle".

#include <cstdio>
#include <string>

#include "bundle.h"
#include "image.h"
#include "notify.h"

namespace {

constexpr char kUsage[] = "usage: orchestrator [--bundle DIR] [--state DIR]\n";
constexpr char kDisk[] = "bundle";

int Usage() {
  std::fputs(kUsage, stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::string bundle, state = "/run/runc";
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "--help") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if ((arg != "--bundle" && arg != "--state") || i + 1 == argc) return Usage();
    (arg == "--bundle" ? bundle : state) = argv[++i];
  }

  // Line by line, also when the output is the journal: a guest can go off at any time.
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::printf("orchestrator: reference orchestrator in %s\n", orchestrator::DescribeImage().c_str());
  if (const std::string digest = orchestrator::MeasuredDigest(); !digest.empty()) {
    std::printf("orchestrator: the image was measured as sha256:%s\n", digest.c_str());
  }
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
