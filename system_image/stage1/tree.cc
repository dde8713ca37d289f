#include "tree.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "refusal.h"

namespace stage1 {
namespace {

constexpr mode_t kPermissions = 0777;

// The path without what does not count: "./usr//lib/" is "usr/lib", and the root is "".
std::string Canonical(const std::string& path) {
  std::string canonical;
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string part = path.substr(at, end - at);
    if (part == "..") RefuseContents(path + " leads out of its folder");
    if (!part.empty() && part != ".") canonical += (canonical.empty() ? "" : "/") + part;
    at = end + 1;
  }
  return canonical;
}

}  // namespace

Tree::Tree(const std::string& root, bool plain) : plain_(plain) {
  umask(0);
  root_ = open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root_ < 0) Fail(root);
}

Tree::~Tree() {
  if (descriptor_ >= 0) close(descriptor_);
  close(root_);
}

void Tree::Fail(const std::string& path) const {
  if (errno == ENOMEM || errno == ENOSPC) RefuseForMemory();
  RefuseContents((path.empty() ? "its root" : path) + ": " + std::strerror(errno));
}

int Tree::Open(const std::string& path, uint64_t flags) const {
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(syscall(SYS_openat2, root_, path.empty() ? "." : path.c_str(), &how, sizeof(how)));
}

// Returns a descriptor that stays open until the next call. Makes the folders that are not there.
int Tree::OpenFolder(const std::string& path) {
  if (descriptor_ >= 0 && folder_ == path) return descriptor_;
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = Open(path, O_PATH | O_DIRECTORY);
  if (descriptor_ < 0 && errno == ENOENT && !path.empty()) {
    const size_t slash = path.rfind('/');
    const int parent = OpenFolder(slash == std::string::npos ? "" : path.substr(0, slash));
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    if (mkdirat(parent, name.c_str(), 0755) != 0) Fail(path);
    close(parent);
    descriptor_ = Open(path, O_PATH | O_DIRECTORY);
  }
  if (descriptor_ < 0) Fail(path);
  folder_ = path;
  return descriptor_;
}

Tree::Place Tree::Find(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {OpenFolder(""), path};
  return {OpenFolder(path.substr(0, slash)), path.substr(slash + 1)};
}

// Removes what an earlier entry has made there. Returns whether it could.
bool Tree::Remove(const Place& place) {
  if (errno != EEXIST || unlinkat(place.folder, place.name.c_str(), 0) != 0) return false;
  // It may have been a symlink that the path of the known folder goes through.
  folder_ = "\n";
  return true;
}

void Tree::Add(const Entry& entry, TarReader& reader) {
  const std::string path = Canonical(entry.path);
  if (path.empty() && entry.type != '5') RefuseContents("its root is no folder");
  switch (entry.type) {
    case '0':
      return AddFile(entry, path, reader);
    case '5':
      return AddFolder(entry, path);
    case '1':
    case '2':
    case '3':
    case '4':
    case '6':
      return AddOther(entry, path);
    case 'S':
      RefuseContents(entry.path + " is a sparse file of GNU tar; make the tar without --sparse");
    default:
      RefuseContents(entry.path + " is of a type that stage1 does not know");
  }
}

void Tree::AddFile(const Entry& entry, const std::string& path, TarReader& reader) {
  const Place place = Find(path);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  int descriptor = openat(place.folder, place.name.c_str(), kFlags, 0600);
  if (descriptor < 0 && Remove(place)) descriptor = openat(place.folder, place.name.c_str(), kFlags, 0600);
  if (descriptor < 0) Fail(path);
  try {
    for (Bytes bytes = reader.Content(); bytes.size != 0; bytes = reader.Content()) {
      while (bytes.size > 0) {
        const ssize_t count = write(descriptor, bytes.data, bytes.size);
        if (count < 0) Fail(path);
        bytes.data += count;
        bytes.size -= static_cast<size_t>(count);
      }
    }
    SetAll(descriptor, entry, path);
  } catch (...) {
    close(descriptor);
    throw;
  }
  close(descriptor);
}

void Tree::AddFolder(const Entry& entry, const std::string& path) {
  if (!path.empty()) {
    const Place place = Find(path);
    if (mkdirat(place.folder, place.name.c_str(), 0700) != 0) {
      const int problem = errno;
      // As other programs do, a symlink to a folder stays.
      const int descriptor = Open(path, O_PATH | O_DIRECTORY);
      if (descriptor >= 0) {
        close(descriptor);
      } else {
        errno = problem;
        if (!Remove(place) || mkdirat(place.folder, place.name.c_str(), 0700) != 0) Fail(path);
      }
    }
  }
  folders_[path] = entry;
}

void Tree::AddOther(const Entry& entry, const std::string& path) {
  if (entry.type == '1') {
    const Place from = Find(Canonical(entry.link));
    const int folder = dup(from.folder);  // the next call closes it
    if (folder < 0) Fail(path);
    const Place place = Find(path);
    int result = linkat(folder, from.name.c_str(), place.folder, place.name.c_str(), 0);
    if (result != 0 && Remove(place)) result = linkat(folder, from.name.c_str(), place.folder, place.name.c_str(), 0);
    const int problem = errno;
    close(folder);
    errno = problem;
    if (result != 0) Fail(path + " (a hard link to " + entry.link + ")");
    return;
  }
  const Place place = Find(path);
  const mode_t type = entry.type == '3' ? S_IFCHR : entry.type == '4' ? S_IFBLK : S_IFIFO;
  const auto make = [&] {
    if (entry.type == '2') return symlinkat(entry.link.c_str(), place.folder, place.name.c_str());
    return mknodat(place.folder, place.name.c_str(), type | 0600, makedev(entry.major, entry.minor));
  };
  if (make() != 0 && !(Remove(place) && make() == 0)) Fail(path);
  const timespec times[] = {{entry.seconds, entry.nanoseconds}, {entry.seconds, entry.nanoseconds}};
  const char* name = place.name.c_str();
  if (!plain_ && fchownat(place.folder, name, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) != 0) Fail(path);
  if (entry.type != '2' && fchmodat(place.folder, name, plain_ ? entry.mode & kPermissions : entry.mode, 0) != 0) Fail(path);
  if (utimensat(place.folder, name, times, AT_SYMLINK_NOFOLLOW) != 0) Fail(path);
  if (!entry.xattrs.empty() && !plain_) RefuseContents(path + " has attributes, which only files and folders can have");
}

void Tree::SetAll(int descriptor, const Entry& entry, const std::string& path) const {
  // In this order: a new owner takes the setuid bit and capabilities away.
  if (!plain_ && fchown(descriptor, entry.uid, entry.gid) != 0) Fail(path);
  if (fchmod(descriptor, plain_ ? entry.mode & kPermissions : entry.mode) != 0) Fail(path);
  for (const auto& [name, value] : entry.xattrs) {
    if (!plain_ && fsetxattr(descriptor, name.c_str(), value.data(), value.size(), 0) != 0) {
      Fail(path + ": the attribute " + name);
    }
  }
  const timespec times[] = {{entry.seconds, entry.nanoseconds}, {entry.seconds, entry.nanoseconds}};
  if (futimens(descriptor, times) != 0) Fail(path);
}

void Tree::Finish() {
  // What is in a folder comes before it: it may be one that cannot be entered.
  for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {
    const int descriptor = Open(folder->first, O_RDONLY | O_DIRECTORY);
    if (descriptor < 0) Fail(folder->first);
    try {
      SetAll(descriptor, folder->second, folder->first);
    } catch (...) {
      close(descriptor);
      throw;
    }
    close(descriptor);
  }
}

}  // namespace stage1
