#ifndef SYSTEM_IMAGE_STAGE1_PIECES_H_
#define SYSTEM_IMAGE_STAGE1_PIECES_H_

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "contents.h"

namespace stage1 {

// A part of an image that is decoded by itself.
struct Piece {
  size_t offset = 0, packed = 0;  // bytes of the image
  uint64_t unpacked = 0;          // bytes that they stand for
};

// Decodes one piece after another. All methods throw Refusal for a piece that is damaged.
class PieceDecoder {
 public:
  virtual ~PieceDecoder() = default;

  // Begins with a piece of so many packed bytes.
  virtual void Open(const uint8_t* packed, size_t size) = 0;

  // Decodes the next `size` bytes. Returns how many packed bytes of the piece are read no more.
  virtual size_t Decode(uint8_t* unpacked, size_t size) = 0;

  // Verifies that this was all of the piece.
  virtual void Close() = 0;
};

using MakePieceDecoder = std::function<std::unique_ptr<PieceDecoder>()>;

// Decodes pieces in threads, ahead of who reads them.
//
// What is ahead takes no memory that the image and its files would not take anyway: at the start there is room for much,
// since the files are not there yet, and at the end for little, so that the machine needs hardly more than it does later.
class Pieces : public Contents {
 public:
  Pieces(Image& image, std::vector<Piece> pieces, MakePieceDecoder make);
  ~Pieces() override;

  uint64_t size() const override { return size_; }
  void Start(unsigned threads, uint64_t memory) override;
  Bytes Next() override;

 private:
  struct Chunk {
    uint8_t* data = nullptr;
    size_t size = 0;  // bytes of the piece
    size_t read = 0;  // bytes of the image, until whose end all has been decoded when this has
  };

  // What has been decoded of a piece, and not been read.
  struct Decoded {
    std::deque<Chunk> chunks;
    bool done = false;
    std::exception_ptr error;
  };

  void Work();
  void Decode(PieceDecoder& decoder, size_t index);
  bool HasRoom(uint64_t more) const;
  uint8_t* Take(size_t index);
  void Give(uint8_t* chunk);

  Image& image_;
  const std::vector<Piece> pieces_;
  const MakePieceDecoder make_;
  uint64_t size_ = 0;      // bytes of all pieces
  uint64_t memory_ = 0;    // bytes that chunks and decoders may take
  uint64_t decoder_ = 0;   // bytes that a decoder takes
  uint64_t reserve_ = 0;   // bytes that may be taken beyond the files

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Decoded> decoded_;     // of each piece
  std::vector<uint8_t*> free_;       // chunks
  size_t started_ = 0;               // pieces that a thread has taken
  size_t read_ = 0;                  // pieces that have been read
  uint64_t decoders_ = 0;            // bytes that all decoders take
  uint64_t held_ = 0;                // bytes of chunks, of free ones, too
  uint64_t ahead_ = 0;               // bytes of pieces that have not been read
  size_t packed_ = 0;                // bytes of the image that are read no more
  bool ended_ = false;

  uint8_t* last_ = nullptr;  // the chunk that is being read
  std::vector<std::thread> threads_;
};

}  // namespace stage1

#endif  // SYSTEM_IMAGE_STAGE1_PIECES_H_
