#include "pieces.h"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "refusal.h"

namespace stage1 {
namespace {

constexpr size_t kChunk = size_t{512} << 10;
constexpr size_t kInUse = 2;  // chunks of the piece that is read: one that is read, one that is filled
constexpr uint64_t kDictionary = uint64_t{8} << 20;  // bytes, xz's usual one; of it, a decoder uses as much as a piece has
constexpr uint64_t kRest = uint64_t{1} << 20;        // bytes of a decoder beside its dictionary

}  // namespace

Pieces::Pieces(Image& image, std::vector<Piece> pieces, MakePieceDecoder make)
    : image_(image), pieces_(std::move(pieces)), make_(std::move(make)), decoded_(pieces_.size()) {
  uint64_t largest = 0;
  for (const Piece& piece : pieces_) {
    size_ += std::min(piece.unpacked, UINT64_MAX - size_);
    largest = std::max(largest, piece.unpacked);
  }
  decoder_ = std::min(largest, kDictionary) + kRest;
  // For two decoders: with one, the second processor has nothing to do at the end.
  reserve_ = 2 * decoder_ + kInUse * kChunk;
  ahead_ = size_;
}

Pieces::~Pieces() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  for (const Decoded& piece : decoded_) {
    for (const Chunk& chunk : piece.chunks) munmap(chunk.data, kChunk);
  }
  if (last_ != nullptr) munmap(last_, kChunk);
  for (uint8_t* chunk : free_) munmap(chunk, kChunk);
}

void Pieces::Start(unsigned threads, uint64_t memory) {
  memory_ = memory;
  const size_t useful = std::min<size_t>(std::max(threads, 1U), pieces_.size());
  decoders_ = decoder_ * useful;
  for (size_t i = 0; i < useful; ++i) threads_.emplace_back([this] { Work(); });
}

// Whether there is memory for so many bytes of chunks more.
bool Pieces::HasRoom(uint64_t more) const {
  const uint64_t wanted = held_ + more + decoders_;
  return wanted <= memory_ && wanted + (image_.size() - packed_) <= ahead_ + reserve_;
}

void Pieces::Work() {
  std::unique_ptr<PieceDecoder> decoder;
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    // Whoever reads waits for the first one.
    changed_.wait(lock, [this] {
      return ended_ || started_ == pieces_.size() || started_ == read_ || HasRoom(kChunk);
    });
    if (ended_ || started_ == pieces_.size()) break;
    const size_t index = started_++;
    lock.unlock();
    std::exception_ptr error;
    try {
      if (!decoder) decoder = make_();
      Decode(*decoder, index);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    decoded_[index].error = error;
    decoded_[index].done = true;
    changed_.notify_all();
  }
  lock.unlock();
  decoder.reset();
  lock.lock();
  decoders_ -= decoder_;
  changed_.notify_all();
}

void Pieces::Decode(PieceDecoder& decoder, size_t index) {
  const Piece& piece = pieces_[index];
  decoder.Open(image_.data() + piece.offset, piece.packed);
  for (uint64_t left = piece.unpacked; left > 0;) {
    uint8_t* chunk = Take(index);
    if (chunk == nullptr) return;
    const size_t size = static_cast<size_t>(std::min<uint64_t>(left, kChunk));
    size_t read;
    try {
      read = piece.offset + decoder.Decode(chunk, size);
    } catch (...) {
      Give(chunk);
      throw;
    }
    left -= size;
    const std::lock_guard<std::mutex> lock(mutex_);
    decoded_[index].chunks.push_back({chunk, size, read});
    changed_.notify_all();
  }
  decoder.Close();
}

// Returns a chunk for a piece as soon as it may have one; nullptr if nobody reads any more.
uint8_t* Pieces::Take(size_t index) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this, index] {
    // The piece that is read may have what it needs: else nobody would ever give a chunk back.
    return ended_ || !free_.empty() || HasRoom(kChunk) || (index == read_ && decoded_[index].chunks.size() < kInUse);
  });
  if (ended_) return nullptr;
  if (!free_.empty()) {
    uint8_t* chunk = free_.back();
    free_.pop_back();
    return chunk;
  }
  void* memory = mmap(nullptr, kChunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) RefuseForMemory();
  held_ += kChunk;
  return static_cast<uint8_t*>(memory);
}

// Takes a chunk back, which is used again if files do not need its memory.
void Pieces::Give(uint8_t* chunk) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (HasRoom(0)) {
    free_.push_back(chunk);
  } else {
    munmap(chunk, kChunk);
    held_ -= kChunk;
  }
  changed_.notify_all();
}

Bytes Pieces::Next() {
  if (last_ != nullptr) Give(std::exchange(last_, nullptr));
  std::unique_lock<std::mutex> lock(mutex_);
  while (read_ < pieces_.size()) {
    Decoded& piece = decoded_[read_];
    changed_.wait(lock, [&piece] { return piece.done || !piece.chunks.empty(); });
    if (!piece.chunks.empty()) {
      const Chunk chunk = piece.chunks.front();
      piece.chunks.pop_front();
      ahead_ -= chunk.size;
      packed_ = chunk.read;
      last_ = chunk.data;
      lock.unlock();
      image_.Release(chunk.read);
      return {chunk.data, chunk.size};
    }
    if (piece.error) std::rethrow_exception(piece.error);
    ++read_;
    changed_.notify_all();
  }
  return {};
}

}  // namespace stage1
