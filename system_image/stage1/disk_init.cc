// disk_init: the first process of a guest whose root is a measured disk. It finds the disk, has dm-verity check every block
// of it against the root hash of the command line, and starts its /sbin/init. What it can't vouch for it refuses: one line
// on the console, power off.
//
// On the kernel's command line: stage1.roothash=HEX, once. Any other word that begins with `stage1` is refused. Nothing
// that the disk says counts unless it follows from the root hash.
//
// The disk is the one with a root partition and its verity partition, by the types of the Discoverable Partitions
// Specification. /etc, /var and /tmp can be written to: an overlay keeps in memory what is. All else is read-only, and
// what is on the disk is never written to.
//
// With arguments, it is a tool that looks at disks as the guest does:
//   disk_init --check COMMAND_LINE DISK…
// says what it would start, or refuses with status 1.

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bytes.h"
#include "partitions.h"
#include "refusal.h"
#include "verity.h"
#include "words.h"

namespace {

namespace fs = std::filesystem;
using stage1::Descriptor;
using stage1::Disk;
using stage1::Found;
using stage1::Refusal;

constexpr int kWaits = 100;             // for a disk whose driver takes its time
constexpr useconds_t kWait = 100'000;   // microseconds

void Say(const std::string& line) {
  // One line that leaves the console as it is, whatever the command line has.
  std::string shown;
  for (const char c : "stage1: " + line) {
    char escaped[8];
    std::snprintf(escaped, sizeof(escaped), c < ' ' || c > '~' ? "\\x%02x" : "%c", static_cast<unsigned char>(c));
    shown += escaped;
  }
  std::printf("%s\n", shown.c_str());
  std::fflush(stdout);
}

[[noreturn]] void Fail(const std::string& what) { throw Refusal{what + ": " + std::strerror(errno)}; }

void Mount(const char* what, const std::string& where, const char* type, unsigned long flags, const char* options = nullptr) {
  mkdir(where.c_str(), 0755);
  if (mount(what, where.c_str(), type, flags, options) != 0) Fail("mounting " + where);
}

std::string ReadLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

void WriteLine(const std::string& path, const std::string& line) {
  std::ofstream file(path);
  file << line << "\n";
  file.close();
  if (!file) throw Refusal{path + " can't be written"};
}

// Loads modules in the order of a list. What machines may lack is optional: its drivers refuse themselves.
void LoadModules(const char* list, bool optional) {
  std::ifstream names(list);
  for (std::string name; std::getline(names, name);) {
    const Descriptor module(open(("/modules/" + name).c_str(), O_RDONLY | O_CLOEXEC));
    const bool loaded = module.get() >= 0 && syscall(SYS_finit_module, module.get(), "", 0) == 0;
    if (!loaded && !optional && errno != EEXIST) Fail("the module " + name + " can't be loaded");
  }
}

// Every disk of the machine, by name; what is a part of another device, or made of memory, is none.
std::vector<Disk> Disks() {
  std::vector<Disk> disks;
  for (const fs::directory_entry& entry : fs::directory_iterator("/sys/block")) {
    const std::string name = entry.path().filename();
    if (!fs::exists(entry.path() / "device")) continue;
    Disk disk{"/dev/" + name};
    const Descriptor file(open(disk.path.c_str(), O_RDONLY | O_CLOEXEC));
    int sector = 0;
    if (file.get() < 0 || ioctl(file.get(), BLKGETSIZE64, &disk.size) != 0 || ioctl(file.get(), BLKSSZGET, &sector) != 0 ||
        disk.size == 0 || sector < 512 || sector > 65536) {
      continue;
    }
    disk.sector = static_cast<uint32_t>(sector);
    disks.push_back(disk);
  }
  std::sort(disks.begin(), disks.end(), [](const Disk& one, const Disk& other) { return one.path < other.path; });
  return disks;
}

// The block device of a partition, which the kernel has found, too.
std::string Device(const Found& found, const stage1::Partition& partition) {
  const std::string disk = fs::path(found.disk.path).filename();
  for (const fs::directory_entry& entry : fs::directory_iterator("/sys/block/" + disk)) {
    if (!fs::exists(entry.path() / "partition")) continue;
    // Whatever a disk's blocks are, the kernel counts in 512 bytes.
    if (ReadLine(entry.path() / "start") == std::to_string(partition.start / 512) &&
        ReadLine(entry.path() / "size") == std::to_string(partition.size / 512)) {
      return "/dev/" + std::string(entry.path().filename());
    }
  }
  throw Refusal{found.disk.path + ": the kernel does not see its partition at byte " + std::to_string(partition.start)};
}

Found WaitForDisk() {
  for (int waits = 0;; ++waits) {
    try {
      return stage1::FindPartitions(Disks());
    } catch (const Refusal&) {
      if (waits == kWaits) throw;
    }
    usleep(kWait);
  }
}

// Lets a folder of the system be written to: in memory.
void MakeWritable(const std::string& name, unsigned long flags) {
  const std::string lower = "/system/" + name, memory = "/overlay/" + name;
  const std::string upper = memory + "/upper", work = memory + "/work";
  struct stat status = {};
  if (lstat(lower.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    throw Refusal{"the disk's file system has no folder /" + name};
  }
  for (const std::string& folder : {memory, upper, work}) {
    if (mkdir(folder.c_str(), 0700) != 0) Fail(folder);
  }
  // The folder that is seen has what the upper one has.
  const timespec times[] = {status.st_atim, status.st_mtim};
  if (chown(upper.c_str(), status.st_uid, status.st_gid) != 0 || chmod(upper.c_str(), status.st_mode & 07777) != 0 ||
      utimensat(AT_FDCWD, upper.c_str(), times, 0) != 0) {
    Fail(upper);
  }
  const std::string options = "lowerdir=" + lower + ",upperdir=" + upper + ",workdir=" + work;
  if (mount("overlay", lower.c_str(), "overlay", flags, options.c_str()) != 0) Fail("an overlay over /" + name);
}

// What stage1 hands on: a /run with what this archive has there, the digest, the kind of the TEE.
void MakeRun(const std::string& root_hash) {
  Mount("run", "/system/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=20%");
  const auto options = fs::copy_options::recursive | fs::copy_options::copy_symlinks;
  if (fs::exists("/run")) fs::copy("/run", "/system/run", options);
  // systemd would mount further partitions of this disk, which nobody has measured: /home, /srv, swap.
  const std::string generators = "/system/run/systemd/system-generators";
  fs::create_directories(generators);
  fs::create_symlink("/dev/null", generators + "/systemd-gpt-auto-generator");
  const std::string own = "/system/run/system-image";
  fs::create_directories(own);
  WriteLine(own + "/roothash", root_hash);
  // By the devices that the drivers have made: the command line is the host's.
  const auto there = [](const char* path) {
    struct stat status = {};
    return stat(path, &status) == 0 && S_ISCHR(status.st_mode);
  };
  const std::string tee = there("/dev/tdx_guest") ? "tdx" : there("/dev/sev-guest") ? "sev-snp" : "none";
  WriteLine(own + "/tee", tee);
  std::ofstream(own + "/tee." + tee);  // for ConditionPathExists= of units
}

// Makes the system the root, gives the memory of this archive back, and starts the system. Returns if it can't.
void SwitchRoot() {
  if (mount("/dev", "/system/dev", nullptr, MS_MOVE, nullptr) != 0) Fail("moving /dev");
  umount2("/overlay", MNT_DETACH);
  umount2("/proc", MNT_DETACH);
  umount2("/sys", MNT_DETACH);
  for (const fs::directory_entry& entry : fs::directory_iterator("/")) {
    if (entry.path() != "/system") fs::remove_all(entry.path());
  }
  if (chdir("/system") != 0 || mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || chroot(".") != 0 || chdir("/") != 0) {
    Fail("making the disk's file system the root");
  }
  char name[] = "/sbin/init";
  char* const arguments[] = {name, nullptr};
  execv(name, arguments);
  Fail("the disk's program /sbin/init can't be started");
}

void Start() {
  Mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  Mount("sys", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  std::ifstream cmdline("/proc/cmdline");
  const std::string root_hash = stage1::RootHash(std::string(std::istreambuf_iterator<char>(cmdline), {}));
  LoadModules("/modules/order", false);
  LoadModules("/modules/optional", true);
  const Found found = WaitForDisk();
  const stage1::Verity verity = stage1::ReadVerity(found, root_hash);
  const std::string device =
      stage1::MakeDevice(Device(found, found.root), Device(found, found.verity), verity, root_hash);
  stage1::CheckFileSystem(device, verity);
  Mount(device.c_str(), "/system", "erofs", MS_RDONLY);
  Mount("overlay", "/overlay", "tmpfs", MS_NODEV, "mode=0700");
  MakeWritable("etc", 0);
  MakeWritable("var", 0);
  MakeWritable("tmp", MS_NOSUID | MS_NODEV);
  MakeRun(root_hash);
  Say("system image: " + found.disk.path + ", root hash " + root_hash);
  Say("starting /sbin/init");
  SwitchRoot();
}

// Runs `work`; returns why it was refused, "" if it was not.
template <typename Work>
std::string Refused(Work work) {
  try {
    work();
    return "";
  } catch (const Refusal& refusal) {
    return refusal.why;
  } catch (const std::exception& error) {
    return error.what();
  }
}

[[noreturn]] void Guest() {
  umask(0);
  mkdir("/dev", 0755);
  mount("dev", "/dev", "devtmpfs", MS_NOSUID, nullptr);
  const int console = open("/dev/console", O_RDWR);
  for (int number = 0; number < 3 && console >= 0; ++number) dup2(console, number);
  if (console > 2) close(console);
  umask(022);
  Say("refused: " + Refused(Start));
  tcdrain(STDOUT_FILENO);
  reboot(RB_POWER_OFF);
  for (;;) pause();  // the machine has no switch
}

int Check(int argc, char** argv) {
  if (argc < 4 || std::strcmp(argv[1], "--check") != 0) {
    std::fputs("usage: disk_init --check COMMAND_LINE DISK…\n", stderr);
    return 2;
  }
  const std::string refused = Refused([&] {
    const std::string root_hash = stage1::RootHash(argv[2]);
    std::vector<Disk> disks;
    for (int number = 3; number < argc; ++number) disks.push_back({argv[number], fs::file_size(argv[number]), 512});
    const Found found = stage1::FindPartitions(disks);
    const stage1::Verity verity = stage1::ReadVerity(found, root_hash);
    Say(found.disk.path + ": " + std::to_string(verity.blocks) + " blocks from byte " +
        std::to_string(found.root.start) + ", hash tree from byte " + std::to_string(found.verity.start) + ", salt " +
        verity.salt);
  });
  if (!refused.empty()) Say("refused: " + refused);
  return refused.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  // Whatever words the kernel hands its first process as arguments.
  if (getpid() != 1) return Check(argc, argv);
  Guest();
}
