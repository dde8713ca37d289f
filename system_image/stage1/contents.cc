#include "contents.h"

#include <lzma.h>
// For ZSTD_decompressBound; the library is in the program, so its version is known.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

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

class Xz : public Contents {
 public:
  explicit Xz(Image& image) : image_(image), buffer_(kChunk) {
    if (!ReadIndex()) {
      throw Refusal{"the system image is not one whole xz stream: cut off, or something follows it"};
    }
  }
  ~Xz() override { lzma_end(&stream_); }

  uint64_t size() const override { return size_; }

  void Start(unsigned threads, uint64_t memory) override {
    lzma_mt options = {};
    options.threads = threads;
    options.flags = LZMA_FAIL_FAST;
    options.memlimit_threading = memory;
    options.memlimit_stop = UINT64_MAX;
    Check(lzma_stream_decoder_mt(&stream_, &options));
    stream_.next_in = image_.data();
    stream_.avail_in = image_.size();
  }

  Bytes Next() override {
    stream_.next_out = buffer_.data();
    stream_.avail_out = buffer_.size();
    while (!ended_ && stream_.avail_out == buffer_.size()) {
      const lzma_ret result = lzma_code(&stream_, LZMA_FINISH);
      ended_ = result == LZMA_STREAM_END;
      if (!ended_) Check(result);
    }
    if (ended_ && stream_.avail_in != 0) RefuseContents("the xz stream ends elsewhere than its index says");
    image_.Release(static_cast<size_t>(stream_.total_in));
    return {buffer_.data(), buffer_.size() - stream_.avail_out};
  }

 private:
  // Whether the image is one stream, whose parts fill it; what is in the parts is not looked at.
  bool ReadIndex() {
    const uint8_t* data = image_.data();
    const size_t size = image_.size();
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
    size_ = lzma_index_uncompressed_size(index);
    lzma_index_end(index, nullptr);
    return whole;
  }

  static void Check(lzma_ret result) {
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

  Image& image_;
  std::vector<uint8_t> buffer_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
  uint64_t size_ = 0;
  bool ended_ = false;
};

class Zstd : public Contents {
 public:
  explicit Zstd(Image& image) : image_(image), buffer_(kChunk) {
    for (size_t at = 0; at < image.size();) {
      const uint8_t* frame = image.data() + at;
      const size_t size = ZSTD_findFrameCompressedSize(frame, image.size() - at);
      if (ZSTD_isError(size)) {
        throw Refusal{"the system image is not whole frames of zstd: cut off, or something follows them"};
      }
      const unsigned long long bound = ZSTD_decompressBound(frame, size);
      const unsigned long long known = ZSTD_getFrameContentSize(frame, size);
      // Both are of the image's own making: their sum may be more than 64 bits hold.
      size_ += std::min<uint64_t>(known < ZSTD_CONTENTSIZE_ERROR ? known : bound, UINT64_MAX - size_);
      at += size;
    }
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
      if (ZSTD_isError(result)) {
        if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) RefuseForMemory();
        RefuseContents(ZSTD_getErrorName(result));
      }
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
  uint64_t size_ = 0;
  bool whole_ = false;  // whether the frame that was read last has ended
};

bool Has(const Image& image, size_t at, const char* bytes, size_t size) {
  return image.size() >= at + size && std::memcmp(image.data() + at, bytes, size) == 0;
}

}  // namespace

std::unique_ptr<Contents> Open(Image& image) {
  if (Has(image, 0, "\xfd" "7zXZ\0", 6)) return std::make_unique<Xz>(image);
  if (Has(image, 0, "\x28\xb5\x2f\xfd", 4)) return std::make_unique<Zstd>(image);
  if (Has(image, 257, "ustar", 5)) return std::make_unique<Plain>(image);
  throw Refusal{"the system image is no tar, nor a tar.xz or tar.zst"};
}

}  // namespace stage1
