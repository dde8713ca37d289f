#ifndef SYSTEM_IMAGE_STAGE1_PIECES_H_
#define SYSTEM_IMAGE_STAGE1_PIECES_H_

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "contents.h"

namespace stage1 {

// A part of an image that is decoded by itself.
struct Piece {
  size_t offset = 0, packed = 0;  // bytes of the image
  size_t unpacked = 0;            // bytes that they stand for
};

// Decodes a piece into as many bytes as it says. Throws Refusal if it is damaged.
using DecodePiece = std::function<void(const uint8_t* packed, const Piece& piece, uint8_t* unpacked)>;

// Decodes pieces in threads, ahead of who reads them.
//
// What is ahead takes no memory that the image and its files would not take anyway: at the start there is room for much,
// since the files are not there yet, and at the end for little, so that the machine needs no more than it does later.
class Pieces : public Contents {
 public:
  Pieces(Image& image, std::vector<Piece> pieces, DecodePiece decode);
  ~Pieces() override;

  uint64_t size() const override { return size_; }
  void Start(unsigned threads, uint64_t memory) override;
  Bytes Next() override;

 private:
  struct Buffer {
    uint8_t* data = nullptr;
    bool done = false;
    std::exception_ptr error;
  };

  void Work();
  bool MayStart(size_t index) const;
  void Decode(size_t index);
  void Free(size_t index);

  Image& image_;
  const std::vector<Piece> pieces_;
  const DecodePiece decode_;
  uint64_t size_ = 0;    // bytes of all pieces
  uint64_t memory_ = 0;    // bytes that buffers and decoders may take
  uint64_t decoder_ = 0;   // bytes that a decoder takes
  uint64_t decoders_ = 0;  // bytes that all decoders take
  uint64_t reserve_ = 0;   // bytes that may be taken beyond the files: for one piece, and its decoder

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Buffer> buffers_;  // of each piece
  size_t started_ = 0;           // pieces that a thread has taken
  size_t read_ = 0;              // pieces that have been read
  uint64_t held_ = 0;            // bytes of buffers
  uint64_t ahead_;               // bytes of pieces that have not been read
  bool ended_ = false;

  size_t at_ = 0;    // bytes of the piece in use that have been read
  size_t last_ = 0;  // of them, those that were read last
  std::vector<std::thread> threads_;
};

}  // namespace stage1

#endif  // SYSTEM_IMAGE_STAGE1_PIECES_H_
