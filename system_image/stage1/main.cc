// unpack: reads a system image from a disk into memory, measures it, and unpacks it into a folder.
//
// Measured is what is unpacked: no byte of the image is looked at before all of it is in memory and its digest is what it
// has to be. Then the memory of what is unpacked is given back while the rest is read.
//
// Before that, it loads the kernel's modules: a program for each would take longer.
//
// On stdout it says what it has measured, and how long each part took. What it can't vouch for it
// refuses: one line on stderr, status 1.

#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "contents.h"
#include "image.h"
#include "modules.h"
#include "refusal.h"
#include "stopwatch.h"
#include "tar.h"
#include "tree.h"

namespace {

using stage1::Refusal;

constexpr char kUsage[] =
    "usage: unpack --disk FILE --size BYTES --into FOLDER [--sha256 HEX] [--digest FILE] [--meminfo FILE] [--plain]\n"
    "       unpack --modules FOLDER\n";
constexpr uint64_t kDecoders = uint64_t{64} << 20;  // bytes: what two of them take

struct Options {
  std::string disk, into, sha256, digest, meminfo = "/proc/meminfo", modules;
  uint64_t size = 0;
  bool plain = false;
};

// Bytes of memory that programs can have.
uint64_t Available(const std::string& meminfo) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(meminfo.c_str(), "re"), std::fclose);
  char line[256];
  unsigned long long kibibytes;
  while (file && std::fgets(line, sizeof(line), file.get()) != nullptr) {
    if (std::sscanf(line, "MemAvailable: %llu kB", &kibibytes) == 1) return uint64_t{kibibytes} << 10;
  }
  throw Refusal{meminfo + " does not say how much memory is available"};
}

// Refuses an image whose tar of so many bytes does not fit. Returns how many bytes of memory are then left.
uint64_t CheckMemory(uint64_t unpacked, uint64_t available) {
  // Files take whole pages in memory, and who unpacks them needs some, too.
  const uint64_t needed = (std::min(unpacked, UINT64_MAX / 2) / 8 * 9 >> 20) + 32;
  if (needed >= available >> 20) {
    throw Refusal{"unpacking the system image takes " + std::to_string(needed) + " MiB, and " +
                  std::to_string(available >> 20) + " MiB of memory are left; give the machine more"};
  }
  return available - ((needed - 32) << 20);
}

unsigned Processors() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? static_cast<unsigned>(CPU_COUNT(&set)) : 1;
}

// Seconds since the kernel's start.
double Uptime() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

void Run(const Options& options) {
  const double start = Uptime();
  // What is given back of huge pages, the kernel keeps for huge pages: files would take other memory. If it can't be
  // said, more is taken, and that is all.
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  // Before it is in memory, too: what fills it stops the machine.
  CheckMemory(options.size, Available(options.meminfo));
  stage1::Image image(options.disk, options.size);
  std::printf("stage1: system image: %zu bytes, sha256:%s\n", image.size(), image.digest().c_str());
  std::fflush(stdout);
  if (!options.sha256.empty() && options.sha256 != image.digest()) {
    throw Refusal{"the digest of the system image is sha256:" + image.digest() + ", the command line wants sha256:" +
                  options.sha256};
  }
  const stage1::Stopwatch watch;
  const std::unique_ptr<stage1::Contents> contents = stage1::Open(image);
  const uint64_t left = CheckMemory(contents->size(), Available(options.meminfo));
  contents->Start(Processors(), std::min(left, kDecoders));
  stage1::TarReader reader(*contents);
  stage1::Tree tree(options.into, options.plain);
  stage1::Entry entry;
  while (reader.Next(entry)) tree.Add(entry, reader);
  tree.Finish();
  std::printf("stage1: %.2f s after the kernel: read in %.2f s, digested in %.2f s, unpacked in %.2f s\n", start,
              image.read_in(), image.digested_in() - image.read_in(), watch.Seconds());
  if (options.digest.empty()) return;
  FILE* file = std::fopen(options.digest.c_str(), "we");
  const bool written = file != nullptr && std::fprintf(file, "%s\n", image.digest().c_str()) > 0;
  if (file == nullptr || std::fclose(file) != 0 || !written) throw Refusal{options.digest + " can't be written"};
}

// One line that leaves the console as it is, whatever an image calls its files.
std::string Printable(const std::string& text) {
  std::string line;
  for (const char c : text) {
    char escaped[8];
    std::snprintf(escaped, sizeof(escaped), c < ' ' || c > '~' ? "\\x%02x" : "%c", static_cast<unsigned char>(c));
    line += escaped;
  }
  return line;
}

int Refuse(const std::string& why) {
  std::fprintf(stderr, "%s\n", Printable(why).c_str());
  return 1;
}

int Usage() {
  std::fputs(kUsage, stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  std::string size;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "--plain") {
      options.plain = true;
      continue;
    }
    std::string* value = arg == "--disk"      ? &options.disk
                         : arg == "--size"    ? &size
                         : arg == "--into"    ? &options.into
                         : arg == "--sha256"  ? &options.sha256
                         : arg == "--digest"  ? &options.digest
                         : arg == "--meminfo" ? &options.meminfo
                         : arg == "--modules" ? &options.modules
                                              : nullptr;
    if (value == nullptr || i + 1 == argc) return Usage();
    *value = argv[++i];
  }
  char* end = nullptr;
  options.size = std::strtoull(size.c_str(), &end, 10);
  const bool unpacks = !options.disk.empty() && !options.into.empty() && !size.empty() && *end == '\0';
  if (options.modules.empty() != unpacks) return Usage();
  try {
    if (unpacks) {
      Run(options);
    } else {
      stage1::LoadModules(options.modules);
    }
    return 0;
  } catch (const Refusal& refusal) {
    return Refuse(refusal.why);
  } catch (const std::bad_alloc&) {
    return Refuse("memory ran out while the system image was unpacked; give the machine more");
  } catch (const std::exception& error) {
    return Refuse(std::string("the system image can't be unpacked: ") + error.what());
  }
}
