#include "contents.h"

#include <lzma.h>
// For ZSTD_decompressBound; the library is in the program, so its version is known.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "pieces.h"
#include "refusal.h"

namespace stage1 {
namespace {

constexpr size_t kChunk = size_t{1} << 20;
constexpr uint64_t kMaxPiece = uint64_t{32} << 20;  // larger ones are decoded bit by bit
constexpr uint64_t kIndexMemory = uint64_t{64} << 20;
constexpr size_t kTarBlock = 512;
constexpr size_t kTarEnd = 2 * kTarBlock;

class Plain : public Contents {
 public:
  explicit Plain(Image& image) : image_(image) {
    const uint8_t* end = image.data() + image.size();
    if (image.size() % kTarBlock != 0 || image.size() < kTarEnd || !std::all_of(end - kTarEnd, end, [](uint8_t byte) { return byte == 0; })) {
      throw Refusal{"the system image is cut off: no tar's end"};
    }
  }

  uint64_t size() const override { return image_.size(); }
  void Start(unsigned, uint64_t) override {}

  Bytes Next() override {
    image_.Release(at_);
    const Bytes bytes{image_.data() + at_, std::min(kChunk, image_.size() - at_)};
    at_ += bytes.size;
    return bytes;
  }

 private:
  Image& image_;
  size_t at_ = 0;
};

void CheckXz(lzma_ret result) {
  switch (result) {
    case LZMA_OK:
      return;
    case LZMA_MEM_ERROR:
      RefuseForMemory();
    case LZMA_OPTIONS_ERROR:
      RefuseContents("its xz stream uses what this stage1's liblzma does not know");
    default:
      RefuseContents("corrupted data");
  }
}

// What the end of an xz stream says of its blocks.
struct XzIndex {
  lzma_check check = LZMA_CHECK_NONE;
  uint64_t size = 0;  // bytes of all blocks, unpacked
  uint64_t largest = 0;
  std::vector<Piece> blocks;
};

// Returns whether the image is one stream, whose blocks fill it; what is in the blocks is not looked at.
bool ReadXzIndex(const Image& image, XzIndex& found) {
  const uint8_t* data = image.data();
  const size_t size = image.size();
  lzma_stream_flags head, foot;
  if (size < 2 * LZMA_STREAM_HEADER_SIZE || lzma_stream_header_decode(&head, data) != LZMA_OK ||
      lzma_stream_footer_decode(&foot, data + size - LZMA_STREAM_HEADER_SIZE) != LZMA_OK ||
      lzma_stream_flags_compare(&head, &foot) != LZMA_OK ||
      foot.backward_size > size - 2 * LZMA_STREAM_HEADER_SIZE) {
    return false;
  }
  lzma_index* index = nullptr;
  uint64_t limit = kIndexMemory;
  size_t at = size - LZMA_STREAM_HEADER_SIZE - static_cast<size_t>(foot.backward_size);
  const size_t end = size - LZMA_STREAM_HEADER_SIZE;
  if (lzma_index_buffer_decode(&index, &limit, nullptr, data, &at, end) != LZMA_OK) return false;
  const bool whole = at == end && lzma_index_file_size(index) == size;
  found.check = head.check;
  found.size = lzma_index_uncompressed_size(index);
  lzma_index_iter block;
  lzma_index_iter_init(&block, index);
  while (whole && !lzma_index_iter_next(&block, LZMA_INDEX_ITER_BLOCK)) {
    found.largest = std::max<uint64_t>(found.largest, block.block.uncompressed_size);
    found.blocks.push_back({static_cast<size_t>(block.block.compressed_file_offset),
                            static_cast<size_t>(block.block.total_size),
                            static_cast<size_t>(block.block.uncompressed_size)});
  }
  lzma_index_end(index, nullptr);
  return whole;
}

// Decodes a block and verifies its check.
void DecodeXzBlock(const uint8_t* packed, const Piece& piece, uint8_t* unpacked, lzma_check check) {
  lzma_filter filters[LZMA_FILTERS_MAX + 1];
  lzma_block block = {};
  block.version = 1;
  block.check = check;
  block.filters = filters;
  block.header_size = packed[0] == 0 ? 0 : lzma_block_header_size_decode(packed[0]);
  if (block.header_size == 0 || block.header_size > piece.packed) RefuseContents("corrupted data");
  CheckXz(lzma_block_header_decode(&block, nullptr, packed));
  size_t in = block.header_size, out = 0;
  uint8_t none = 0;
  const lzma_ret result = lzma_block_buffer_decode(&block, nullptr, packed, &in, piece.packed,
                                                   unpacked == nullptr ? &none : unpacked, &out, piece.unpacked);
  lzma_filters_free(filters, nullptr);
  CheckXz(result);
  if (in != piece.packed || out != piece.unpacked) RefuseContents("corrupted data");
}

// A stream that has blocks too large to be in memory, such as its only one.
class Xz : public Contents {
 public:
  Xz(Image& image, uint64_t size) : image_(image), buffer_(kChunk), size_(size) {}
  ~Xz() override { lzma_end(&stream_); }

  uint64_t size() const override { return size_; }

  void Start(unsigned, uint64_t) override {
    CheckXz(lzma_stream_decoder(&stream_, UINT64_MAX, 0));
    stream_.next_in = image_.data();
    stream_.avail_in = image_.size();
  }

  Bytes Next() override {
    stream_.next_out = buffer_.data();
    stream_.avail_out = buffer_.size();
    while (!ended_ && stream_.avail_out == buffer_.size()) {
      const lzma_ret result = lzma_code(&stream_, LZMA_FINISH);
      ended_ = result == LZMA_STREAM_END;
      if (!ended_) CheckXz(result);
    }
    if (ended_ && stream_.avail_in != 0) RefuseContents("the xz stream ends elsewhere than its index says");
    image_.Release(static_cast<size_t>(stream_.total_in));
    return {buffer_.data(), buffer_.size() - stream_.avail_out};
  }

 private:
  Image& image_;
  std::vector<uint8_t> buffer_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
  uint64_t size_;
  bool ended_ = false;
};

std::unique_ptr<Contents> OpenXz(Image& image) {
  XzIndex index;
  if (!ReadXzIndex(image, index)) {
    throw Refusal{"the system image is not one whole xz stream: cut off, or something follows it"};
  }
  if (index.largest > kMaxPiece) return std::make_unique<Xz>(image, index.size);
  const lzma_check check = index.check;
  const auto decode = [check](const uint8_t* packed, const Piece& piece, uint8_t* unpacked) {
    DecodeXzBlock(packed, piece, unpacked, check);
  };
  return std::make_unique<Pieces>(image, std::move(index.blocks), decode);
}

[[noreturn]] void FailZstd(size_t result) {
  if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) RefuseForMemory();
  RefuseContents(ZSTD_getErrorName(result));
}

// Frames that are too large to be in memory, or do not say their size.
class Zstd : public Contents {
 public:
  Zstd(Image& image, uint64_t size) : image_(image), buffer_(kChunk), size_(size) {
    input_ = {image.data(), image.size(), 0};
  }
  ~Zstd() override { ZSTD_freeDCtx(context_); }

  uint64_t size() const override { return size_; }

  void Start(unsigned, uint64_t) override {
    context_ = ZSTD_createDCtx();
    if (context_ == nullptr) RefuseForMemory();
  }

  Bytes Next() override {
    ZSTD_outBuffer output = {buffer_.data(), buffer_.size(), 0};
    while (output.pos < output.size) {
      const size_t before = input_.pos + output.pos;
      const size_t result = ZSTD_decompressStream(context_, &output, &input_);
      if (ZSTD_isError(result)) FailZstd(result);
      if (input_.pos + output.pos == before) {
        if (!whole_) RefuseContents("its last frame of zstd is not whole");
        break;
      }
      whole_ = result == 0;
    }
    image_.Release(input_.pos);
    return {buffer_.data(), output.pos};
  }

 private:
  Image& image_;
  std::vector<uint8_t> buffer_;
  ZSTD_DCtx* context_ = nullptr;
  ZSTD_inBuffer input_ = {};
  uint64_t size_;
  bool whole_ = false;  // whether the frame that was read last has ended
};

void DecodeZstdFrame(const uint8_t* packed, const Piece& piece, uint8_t* unpacked) {
  const size_t result = ZSTD_decompress(unpacked, piece.unpacked, packed, piece.packed);
  if (ZSTD_isError(result)) FailZstd(result);
  if (result != piece.unpacked) RefuseContents("a frame of zstd has another size than it says");
}

std::unique_ptr<Contents> OpenZstd(Image& image) {
  std::vector<Piece> frames;
  uint64_t size = 0;
  bool small = true;
  for (size_t at = 0; at < image.size();) {
    const uint8_t* frame = image.data() + at;
    const size_t packed = ZSTD_findFrameCompressedSize(frame, image.size() - at);
    if (ZSTD_isError(packed)) {
      throw Refusal{"the system image is not whole frames of zstd: cut off, or something follows them"};
    }
    const unsigned long long known = ZSTD_getFrameContentSize(frame, packed);
    const unsigned long long unpacked = known < ZSTD_CONTENTSIZE_ERROR ? known : ZSTD_decompressBound(frame, packed);
    small = small && known <= kMaxPiece;
    // Both are of the image's own making: their sum may be more than 64 bits hold.
    size += std::min<uint64_t>(unpacked, UINT64_MAX - size);
    frames.push_back({at, packed, static_cast<size_t>(unpacked)});
    at += packed;
  }
  if (!small) return std::make_unique<Zstd>(image, size);
  return std::make_unique<Pieces>(image, std::move(frames), DecodeZstdFrame);
}

bool Has(const Image& image, size_t at, const char* bytes, size_t size) {
  return image.size() >= at + size && std::memcmp(image.data() + at, bytes, size) == 0;
}

}  // namespace

std::unique_ptr<Contents> Open(Image& image) {
  if (Has(image, 0, "\xfd" "7zXZ\0", 6)) return OpenXz(image);
  if (Has(image, 0, "\x28\xb5\x2f\xfd", 4)) return OpenZstd(image);
  if (Has(image, 257, "ustar", 5)) return std::make_unique<Plain>(image);
  throw Refusal{"the system image is no tar, nor a tar.xz or tar.zst"};
}

}  // namespace stage1
