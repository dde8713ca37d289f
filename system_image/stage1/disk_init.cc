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
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bytes.h"
#include "guest.h"
#include "modules.h"
#include "partitions.h"
#include "refusal.h"
#include "verity.h"
#include "words.h"

namespace {

namespace fs = std::filesystem;
using stage1::Descriptor;
using stage1::Disk;
using stage1::Fail;
using stage1::Found;
using stage1::Mount;
using stage1::ReadLine;
using stage1::Refusal;
using stage1::Say;

constexpr int kWaits = 100;             // for a disk whose driver takes its time
constexpr useconds_t kWait = 100'000;   // microseconds

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

// systemd would mount further partitions of this disk, which nobody has measured: /home, /srv, swap.
void MaskPartitions() {
  const std::string generators = "/system/run/systemd/system-generators";
  fs::create_directories(generators);
  fs::create_symlink("/dev/null", generators + "/systemd-gpt-auto-generator");
}

void Start() {
  Mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  Mount("sys", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  std::ifstream cmdline("/proc/cmdline");
  const std::string root_hash = stage1::RootHash(std::string(std::istreambuf_iterator<char>(cmdline), {}));
  stage1::LoadModules("/modules");
  stage1::LoadOptionalModules("/modules");
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
  stage1::MakeRun("roothash", root_hash);
  MaskPartitions();
  Say("system image: " + found.disk.path + ", root hash " + root_hash);
  Say("starting /sbin/init");
  if (mount("/dev", "/system/dev", nullptr, MS_MOVE, nullptr) != 0) Fail("moving /dev");
  for (const char* mounted : {"/overlay", "/proc", "/sys"}) umount2(mounted, MNT_DETACH);
  stage1::SwitchRoot();
}

int Check(int argc, char** argv) {
  if (argc < 4 || std::strcmp(argv[1], "--check") != 0) {
    std::fputs("usage: disk_init --check COMMAND_LINE DISK…\n", stderr);
    return 2;
  }
  const std::string refused = stage1::Refused([&] {
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
  stage1::RunGuest(Start);
}
