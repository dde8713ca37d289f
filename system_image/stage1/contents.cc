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
    found.blocks.push_back({static_cast<size_t>(block.block.compressed_file_offset),
                            static_cast<size_t>(block.block.total_size),
                            block.block.uncompressed_size});
  }
  lzma_index_end(index, nullptr);
  return whole;
}

// Decodes blocks and verifies their checks.
class XzDecoder : public PieceDecoder {
 public:
  explicit XzDecoder(lzma_check check) : check_(check) {}
  ~XzDecoder() override { lzma_end(&stream_); }
  XzDecoder(const XzDecoder&) = delete;
  XzDecoder& operator=(const XzDecoder&) = delete;

  void Open(const uint8_t* packed, size_t size) override {
    lzma_filter filters[LZMA_FILTERS_MAX + 1];
    block_ = {};
    block_.version = 1;
    block_.check = check_;
    block_.filters = filters;
    block_.header_size = packed[0] == 0 ? 0 : lzma_block_header_size_decode(packed[0]);
    if (block_.header_size == 0 || block_.header_size > size) RefuseContents("corrupted data");
    CheckXz(lzma_block_header_decode(&block_, nullptr, packed));
    // The dictionary stays, if the next block has one of the same size.
    const lzma_ret result = lzma_block_decoder(&stream_, &block_);
    lzma_filters_free(filters, nullptr);
    block_.filters = nullptr;
    CheckXz(result);
    ended_ = false;
    stream_.next_in = packed + block_.header_size;
    stream_.avail_in = size - block_.header_size;
  }

  size_t Decode(uint8_t* unpacked, size_t size) override {
    stream_.next_out = unpacked;
    stream_.avail_out = size;
    Code();
    if (stream_.avail_out != 0) RefuseContents("corrupted data");
    return block_.header_size + static_cast<size_t>(stream_.total_in);
  }

  void Close() override {
    uint8_t none = 0;
    stream_.next_out = &none;
    stream_.avail_out = 0;
    Code();
    if (!ended_ || stream_.avail_in != 0) RefuseContents("corrupted data");
  }

 private:
  void Code() {
    while (!ended_) {
      const lzma_ret result = lzma_code(&stream_, LZMA_FINISH);
      ended_ = result == LZMA_STREAM_END;
      if (!ended_) CheckXz(result);
      if (stream_.avail_out == 0) return;
    }
  }

  const lzma_check check_;
  lzma_block block_ = {};
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool ended_ = false;
};

std::unique_ptr<Contents> OpenXz(Image& image) {
  XzIndex index;
  if (!ReadXzIndex(image, index)) {
    throw Refusal{"the system image is not one whole xz stream: cut off, or something follows it"};
  }
  const lzma_check check = index.check;
  return std::make_unique<Pieces>(image, std::move(index.blocks), [check] { return std::make_unique<XzDecoder>(check); });
}

[[noreturn]] void FailZstd(size_t result) {
  if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) RefuseForMemory();
  RefuseContents(ZSTD_getErrorName(result));
}

// Frames that do not all say their size.
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

// Decodes frames that say their size.
class ZstdDecoder : public PieceDecoder {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx()) {
    if (context_ == nullptr) RefuseForMemory();
  }
  ~ZstdDecoder() override { ZSTD_freeDCtx(context_); }
  ZstdDecoder(const ZstdDecoder&) = delete;
  ZstdDecoder& operator=(const ZstdDecoder&) = delete;

  void Open(const uint8_t* packed, size_t size) override {
    ZSTD_DCtx_reset(context_, ZSTD_reset_session_only);
    input_ = {packed, size, 0};
    whole_ = false;
  }

  size_t Decode(uint8_t* unpacked, size_t size) override {
    if (Code(unpacked, size) != size) RefuseContents("a frame of zstd has another size than it says");
    return input_.pos;
  }

  void Close() override {
    uint8_t more;
    if (Code(&more, 1) != 0 || !whole_) RefuseContents("a frame of zstd has another size than it says");
  }

 private:
  // Decodes at most `size` bytes, fewer at the frame's end only; returns how many.
  size_t Code(uint8_t* unpacked, size_t size) {
    ZSTD_outBuffer output = {unpacked, size, 0};
    while (!whole_ && output.pos < size) {
      const size_t before = input_.pos + output.pos;
      const size_t result = ZSTD_decompressStream(context_, &output, &input_);
      if (ZSTD_isError(result)) FailZstd(result);
      whole_ = result == 0;
      if (!whole_ && input_.pos + output.pos == before) break;
    }
    return output.pos;
  }

  ZSTD_DCtx* context_;
  ZSTD_inBuffer input_ = {};
  bool whole_ = false;
};

std::unique_ptr<Contents> OpenZstd(Image& image) {
  std::vector<Piece> frames;
  uint64_t size = 0;
  bool known = true;
  for (size_t at = 0; at < image.size();) {
    const uint8_t* frame = image.data() + at;
    const size_t packed = ZSTD_findFrameCompressedSize(frame, image.size() - at);
    if (ZSTD_isError(packed)) {
      throw Refusal{"the system image is not whole frames of zstd: cut off, or something follows them"};
    }
    unsigned long long unpacked = ZSTD_getFrameContentSize(frame, packed);
    if (unpacked >= ZSTD_CONTENTSIZE_ERROR) {
      unpacked = ZSTD_decompressBound(frame, packed);
      known = false;
    }
    // Both are of the image's own making: their sum may be more than 64 bits hold.
    size += std::min<uint64_t>(unpacked, UINT64_MAX - size);
    frames.push_back({at, packed, unpacked});
    at += packed;
  }
  if (!known) return std::make_unique<Zstd>(image, size);
  return std::make_unique<Pieces>(image, std::move(frames), [] { return std::make_unique<ZstdDecoder>(); });
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
