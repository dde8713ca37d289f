#include "image.h"

// SHA256_* are libcrypto without its providers: a hundredth of the code, and the same instructions.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "refusal.h"
#include "stopwatch.h"

namespace stage1 {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kChunk = size_t{1} << 20;
constexpr size_t kReleased = size_t{1} << 20;  // less at a time costs more than it gives back

// Digests bytes of a buffer in a thread of its own, as they come.
class Digester {
 public:
  explicit Digester(const uint8_t* data) : data_(data), thread_([this] { Run(); }) {}
  ~Digester() { Join(); }

  // Says that there are `ready` bytes now.
  void Advance(size_t ready) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ready_ = ready;
    changed_.notify_one();
  }

  std::string Finish() {
    Join();
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256_Final(digest, &context_);
    std::string hex;
    for (const unsigned char byte : digest) {
      hex += "0123456789abcdef"[byte >> 4];
      hex += "0123456789abcdef"[byte & 15];
    }
    return hex;
  }

 private:
  void Join() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ended_ = true;
      changed_.notify_one();
    }
    thread_.join();
  }

  void Run() {
    SHA256_Init(&context_);
    size_t done = 0;
    for (;;) {
      size_t ready;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [&] { return ended_ || ready_ > done; });
        ready = ready_;
      }
      if (ready == done) return;
      SHA256_Update(&context_, data_ + done, ready - done);
      done = ready;
    }
  }

  const uint8_t* data_;
  SHA256_CTX context_;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t ready_ = 0;
  bool ended_ = false;
  std::thread thread_;  // the last: it uses the others
};

class File {
 public:
  explicit File(const std::string& path) : path_(path) {
    // Past the page cache, which would take as much memory again.
    descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
    if (descriptor_ < 0) OpenPlainly();
  }
  ~File() { close(descriptor_); }

  uint64_t Size() const {
    const off_t end = lseek(descriptor_, 0, SEEK_END);
    if (end < 0) Fail();
    return static_cast<uint64_t>(end);
  }

  // Reads at most `size` bytes; returns how many, 0 at the end.
  size_t Read(uint8_t* data, size_t size, uint64_t offset) {
    for (;;) {
      const ssize_t count = pread(descriptor_, data, size, static_cast<off_t>(offset));
      if (count >= 0) return static_cast<size_t>(count);
      if (errno == EINTR) continue;
      if (errno != EINVAL || plain_) Fail();
      close(descriptor_);
      OpenPlainly();
    }
  }

 private:
  [[noreturn]] void Fail() const { throw Refusal{path_ + " can't be read"}; }

  void OpenPlainly() {
    plain_ = true;
    descriptor_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) Fail();
  }

  std::string path_;
  int descriptor_ = -1;
  bool plain_ = false;
};

}  // namespace

Image::Image(const std::string& disk, uint64_t size) {
  const Refusal less{disk + " has less than the " + std::to_string(size) + " bytes of stage1.size"};
  File file(disk);
  if (file.Size() < size) throw less;
  size_ = static_cast<size_t>(size);
  capacity_ = (size_ + kPage - 1) / kPage * kPage;  // a disk is read in whole sectors
  void* memory = mmap(nullptr, capacity_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) RefuseForMemory();
  data_ = static_cast<uint8_t*>(memory);
  const Stopwatch watch;
  try {
    Digester digester(data_);
    for (size_t at = 0; at < size_;) {
      const size_t count = file.Read(data_ + at, std::min(kChunk, capacity_ - at), at);
      if (count == 0) throw less;
      at += count;
      digester.Advance(std::min(at, size_));
    }
    read_in_ = watch.Seconds();
    digest_ = digester.Finish();
    digested_in_ = watch.Seconds();
  } catch (...) {
    munmap(data_, capacity_);
    throw;
  }
}

Image::~Image() { munmap(data_, capacity_); }

void Image::Release(size_t end) {
  end = end / kPage * kPage;
  if (end < released_ + kReleased) return;
  madvise(data_ + released_, end - released_, MADV_DONTNEED);
  released_ = end;
}

}  // namespace stage1
