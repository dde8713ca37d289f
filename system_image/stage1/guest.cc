#include "guest.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace stage1 {
namespace {

namespace fs = std::filesystem;

void WriteLine(const std::string& path, const std::string& line) {
  std::ofstream file(path);
  file << line << "\n";
  file.close();
  if (!file) throw Refusal{path + " can't be written"};
}

bool IsDevice(const char* path) {
  struct stat status = {};
  return stat(path, &status) == 0 && S_ISCHR(status.st_mode);
}

}  // namespace

std::string Printable(const std::string& text) {
  std::string line;
  for (const char c : text) {
    char escaped[8];
    std::snprintf(escaped, sizeof(escaped), c < ' ' || c > '~' ? "\\x%02x" : "%c", static_cast<unsigned char>(c));
    line += escaped;
  }
  return line;
}

void Say(const std::string& line) {
  std::printf("stage1: %s\n", Printable(line).c_str());
  std::fflush(stdout);
}

void Fail(const std::string& what) { throw Refusal{what + ": " + std::strerror(errno)}; }

void Mount(const char* what, const std::string& where, const char* type, unsigned long flags, const char* options) {
  mkdir(where.c_str(), 0755);
  if (mount(what, where.c_str(), type, flags, options) != 0) Fail("mounting " + where);
}

std::string ReadLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

void MakeRun(const std::string& name, const std::string& value) {
  // As systemd would mount it.
  Mount("run", "/system/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=20%");
  const auto options = fs::copy_options::recursive | fs::copy_options::copy_symlinks;
  if (fs::exists("/run")) fs::copy("/run", "/system/run", options);
  const std::string own = "/system/run/system-image";
  fs::create_directories(own);
  WriteLine(own + "/" + name, value);
  // By the devices that the drivers have made: the command line is the host's.
  const std::string tee = IsDevice("/dev/tdx_guest") ? "tdx" : IsDevice("/dev/sev-guest") ? "sev-snp" : "none";
  WriteLine(own + "/tee", tee);
  std::ofstream(own + "/tee." + tee);  // for ConditionPathExists= of units
}

void SwitchRoot() {
  for (const fs::directory_entry& entry : fs::directory_iterator("/")) {
    if (entry.path() != "/system") fs::remove_all(entry.path());
  }
  if (chdir("/system") != 0 || mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || chroot(".") != 0 || chdir("/") != 0) {
    Fail("making the system the root");
  }
  char name[] = "/sbin/init";
  char* const arguments[] = {name, nullptr};
  execv(name, arguments);
  Fail("the system's program /sbin/init can't be started");
}

void RunGuest(void (*start)()) {
  umask(0);
  mkdir("/dev", 0755);
  mount("dev", "/dev", "devtmpfs", MS_NOSUID, nullptr);
  const int console = open("/dev/console", O_RDWR);
  for (int number = 0; number < 3 && console >= 0; ++number) dup2(console, number);
  if (console > 2) close(console);
  umask(022);
  Say("refused: " + Refused(start));
  tcdrain(STDOUT_FILENO);
  reboot(RB_POWER_OFF);
  for (;;) pause();  // the machine has no switch
}

}  // namespace stage1
