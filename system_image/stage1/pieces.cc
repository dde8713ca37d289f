#include "pieces.h"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "refusal.h"

namespace stage1 {
namespace {

constexpr size_t kChunk = size_t{1} << 20;
constexpr uint64_t kDictionary = uint64_t{8} << 20;  // bytes, xz's usual one; of it, a decoder uses as much as a piece has
constexpr uint64_t kRest = uint64_t{1} << 20;        // bytes of a decoder beside its dictionary

}  // namespace

Pieces::Pieces(Image& image, std::vector<Piece> pieces, DecodePiece decode)
    : image_(image), pieces_(std::move(pieces)), decode_(std::move(decode)), buffers_(pieces_.size()) {
  uint64_t largest = 0;
  for (const Piece& piece : pieces_) {
    size_ += piece.unpacked;
    largest = std::max<uint64_t>(largest, piece.unpacked);
  }
  decoder_ = std::min(largest, kDictionary) + kRest;
  reserve_ = largest + decoder_ + 3 * kRest;
  ahead_ = size_;
}

Pieces::~Pieces() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  for (size_t i = 0; i < pieces_.size(); ++i) Free(i);
}

void Pieces::Start(unsigned threads, uint64_t memory) {
  memory_ = memory;
  const size_t useful = std::min<size_t>(std::max(threads, 1U), pieces_.size());
  decoders_ = decoder_ * useful;
  for (size_t i = 0; i < useful; ++i) threads_.emplace_back([this] { Work(); });
}

// Whether there is memory for the buffer and the decoder of a piece.
bool Pieces::MayStart(size_t index) const {
  // Whoever reads waits for it.
  if (index == read_) return true;
  const uint64_t wanted = held_ + pieces_[index].unpacked + decoders_;
  const uint64_t packed = image_.size() - pieces_[read_].offset;
  return wanted <= memory_ && wanted + packed <= ahead_ + reserve_;
}

void Pieces::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ended_ || started_ == pieces_.size() || MayStart(started_); });
    if (ended_ || started_ == pieces_.size()) return;
    const size_t index = started_++;
    held_ += pieces_[index].unpacked;
    lock.unlock();
    Decode(index);
    lock.lock();
    buffers_[index].done = true;
    changed_.notify_all();
  }
}

void Pieces::Decode(size_t index) {
  const Piece& piece = pieces_[index];
  Buffer& buffer = buffers_[index];
  try {
    if (piece.unpacked > 0) {
      void* memory = mmap(nullptr, piece.unpacked, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (memory == MAP_FAILED) RefuseForMemory();
      buffer.data = static_cast<uint8_t*>(memory);
    }
    decode_(image_.data() + piece.offset, piece, buffer.data);
  } catch (...) {
    buffer.error = std::current_exception();
  }
}

void Pieces::Free(size_t index) {
  if (buffers_[index].data != nullptr) munmap(buffers_[index].data, pieces_[index].unpacked);
  buffers_[index].data = nullptr;
}

Bytes Pieces::Next() {
  while (read_ < pieces_.size()) {
    const Piece& piece = pieces_[read_];
    Buffer& buffer = buffers_[read_];
    if (at_ == 0) {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&buffer] { return buffer.done; });
      if (buffer.error) std::rethrow_exception(buffer.error);
      image_.Release(piece.offset + piece.packed);
    } else {
      // What has been read is a file by now.
      madvise(buffer.data + (at_ - last_), last_, MADV_DONTNEED);
    }
    if (at_ < piece.unpacked) {
      last_ = std::min(kChunk, piece.unpacked - at_);
      at_ += last_;
      return {buffer.data + (at_ - last_), last_};
    }
    Free(read_);
    at_ = 0;
    const std::lock_guard<std::mutex> lock(mutex_);
    held_ -= piece.unpacked;
    ahead_ -= piece.unpacked;
    ++read_;
    changed_.notify_all();
  }
  return {};
}

}  // namespace stage1
