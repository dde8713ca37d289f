// image_init: the first process of a guest whose system is an image. It reads the image from a disk into memory, measures
// it, unpacks it into a tmpfs and starts its /sbin/init. What it can't vouch for it refuses: one line on the console,
// power off.
//
// On the kernel's command line, each once at most; a word that is empty or malformed is refused:
//   stage1.size=BYTES    the image's length; disks have whole sectors only
//   stage1.sha256=HEX    refuse any other image
//   stage1.unpack=plain  unpack as a plain tar does: no owners, of the modes the nine permission bits
//
// Measured is what is unpacked: no byte of the image is looked at before all of it is in memory and its digest is what it
// has to be. Then the memory of what is unpacked is given back while the rest is read.
//
// The image is on the virtio disk with the serial number "system-image". Its digest is handed on in
// /run/system-image/sha256, and the kind of its TEE in /run/system-image/tee; whatever this archive has in /run is in
// the guest's /run, too.
//
// With arguments, it is a tool that does a part of this: it unpacks an image, says what it takes of a command line, or
// loads modules. What it refuses: one line on stderr, status 1.

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <new>
#include <set>
#include <string>

#include "contents.h"
#include "guest.h"
#include "image.h"
#include "modules.h"
#include "refusal.h"
#include "stopwatch.h"
#include "tar.h"
#include "tree.h"
#include "words.h"

namespace {

namespace fs = std::filesystem;
using stage1::Fail;
using stage1::Mount;
using stage1::Refusal;
using stage1::Say;

constexpr char kUsage[] =
    "usage: image_init --disk FILE --size BYTES --into FOLDER [--sha256 HEX] [--digest FILE] [--meminfo FILE] [--plain]\n"
    "       image_init --check COMMAND_LINE\n"
    "       image_init --modules FOLDER\n";
constexpr char kSerial[] = "system-image";
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

void Unpack(const Options& options) {
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

// Runs `work`; returns why it was refused, "" if it was not.
template <typename Work>
std::string Refused(Work work) {
  return stage1::Refused([&] {
    try {
      work();
    } catch (const std::bad_alloc&) {
      stage1::RefuseForMemory();
    } catch (const std::exception& error) {
      throw Refusal{std::string("the system image can't be unpacked: ") + error.what()};
    }
  });
}

// Unpacks in a process of its own: of the first one the kernel can't take the memory when it runs out. `meanwhile` does
// something else.
void UnpackApart(const Options& options, void (*meanwhile)()) {
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) != 0) Fail("a pipe");
  const pid_t child = fork();
  if (child < 0) Fail("a process that unpacks");
  if (child == 0) {
    const std::string why = Refused([&] { Unpack(options); });
    std::fflush(stdout);
    const bool told = write(pipe[1], why.data(), why.size()) == static_cast<ssize_t>(why.size());
    _exit(why.empty() && told ? 0 : 1);
  }
  close(pipe[1]);
  meanwhile();
  std::string why;
  char buffer[512];
  for (ssize_t count; (count = read(pipe[0], buffer, sizeof(buffer))) > 0;) why.append(buffer, static_cast<size_t>(count));
  close(pipe[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!why.empty()) throw Refusal{why};
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) stage1::RefuseForMemory();
  if (status != 0) throw Refusal{"the system image can't be unpacked: the process that does it ended"};
}

// As long as it exists, the kernel takes memory that has been in use before, rather than memory that nothing has touched:
// of a confidential guest, the host gives for good what is touched. Else each processor keeps what is freed on it, tens of
// MiB, and the others don't find it.
class FreeMemoryInCommon {
 public:
  FreeMemoryInCommon() : before_(stage1::ReadLine(kPath)) { Write("1000"); }
  ~FreeMemoryInCommon() { Write(before_); }
  FreeMemoryInCommon(const FreeMemoryInCommon&) = delete;
  FreeMemoryInCommon& operator=(const FreeMemoryInCommon&) = delete;

 private:
  // The part of all memory that processors may keep: a thousandth. A kernel that does not have it takes more memory.
  static constexpr char kPath[] = "/proc/sys/vm/percpu_pagelist_high_fraction";

  static void Write(const std::string& fraction) { std::ofstream(kPath) << fraction << "\n"; }

  std::string before_;
};

// The disk that has the image.
std::string FindDisk() {
  std::set<std::string> found;
  for (const fs::directory_entry& entry : fs::directory_iterator("/sys/block")) {
    if (stage1::ReadLine(entry.path() / "serial") == kSerial) found.insert("/dev/" + entry.path().filename().string());
  }
  if (found.empty()) throw Refusal{std::string("no disk has the serial number ") + kSerial};
  return *found.begin();
}

// What systemd would start a program for each of: it takes them as they are. It mounts itself what can't be mounted here.
void MountMore() {
  constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  const fs::path units = "/system/etc/systemd/system", wanted = "/system/usr/lib/systemd/system/local-fs.target.wants";
  std::error_code none;
  if (fs::exists(wanted / "tmp.mount", none) && !fs::is_symlink(units / "tmp.mount", none)) {
    mount("tmpfs", "/system/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_STRICTATIME, "mode=1777,size=50%,nr_inodes=1m");
  }
  mkdir("/system/dev/mqueue", 0755);
  mount("mqueue", "/system/dev/mqueue", "mqueue", kFlags, nullptr);
  mount("configfs", "/system/sys/kernel/config", "configfs", kFlags, nullptr);
}

void Start() {
  Mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  Mount("sys", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  std::ifstream cmdline("/proc/cmdline");
  const stage1::ImageWords words = stage1::ReadImageWords(std::string(std::istreambuf_iterator<char>(cmdline), {}));
  stage1::LoadModules("/modules");
  Options options;
  options.disk = FindDisk();
  options.size = words.size;
  options.sha256 = words.sha256;
  options.plain = words.plain;
  options.into = "/system";
  options.digest = "/digest";
  Mount("system", options.into, "tmpfs", 0, "mode=0755,size=100%");
  {
    const FreeMemoryInCommon common;
    // A driver whose device is not there takes a tenth of a second to say so.
    UnpackApart(options, [] { stage1::LoadOptionalModules("/modules"); });
  }
  if (access("/system/sbin/init", X_OK) != 0) throw Refusal{"the system image has no program /sbin/init"};
  stage1::MakeRun("sha256", stage1::ReadLine(options.digest));
  for (const std::string name : {"/dev", "/proc", "/sys"}) {
    mkdir(("/system" + name).c_str(), 0755);
    if (mount(name.c_str(), ("/system" + name).c_str(), nullptr, MS_MOVE, nullptr) != 0) Fail("moving " + name);
  }
  MountMore();
  Say("starting /sbin/init");
  stage1::SwitchRoot();
}

int Usage() {
  std::fputs(kUsage, stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  // Whatever words the kernel hands its first process as arguments.
  if (getpid() == 1) stage1::RunGuest(Start);
  Options options;
  std::string size, line;
  bool checks = false;
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
                         : arg == "--check"   ? &line
                                              : nullptr;
    if (value == nullptr || i + 1 == argc) return Usage();
    *value = argv[++i];
    checks = checks || value == &line;
  }
  char* end = nullptr;
  options.size = std::strtoull(size.c_str(), &end, 10);
  const bool unpacks = !options.disk.empty() && !options.into.empty() && !size.empty() && *end == '\0';
  if (checks + unpacks + !options.modules.empty() != 1) return Usage();
  const std::string why = Refused([&] {
    if (unpacks) return Unpack(options);
    if (!options.modules.empty()) {
      stage1::LoadModules(options.modules);
      return stage1::LoadOptionalModules(options.modules);
    }
    const stage1::ImageWords words = stage1::ReadImageWords(line);
    std::printf("size=%llu sha256=%s unpack=%s\n", static_cast<unsigned long long>(words.size), words.sha256.c_str(),
                words.plain ? "plain" : "");
  });
  if (why.empty()) return 0;
  std::fprintf(stderr, "%s\n", stage1::Printable(why).c_str());
  return 1;
}
