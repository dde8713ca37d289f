#ifndef SYSTEM_IMAGE_STAGE1_TAR_H_
#define SYSTEM_IMAGE_STAGE1_TAR_H_

#include <cstdint>
#include <map>
#include <string>

#include "contents.h"

namespace stage1 {

// An entry of a tar: pax, ustar, GNU or v7.
struct Entry {
  char type = '0';   // as in the header: '0' file, '1' hard link, '2' symlink, '3' character, '4' block, '5' folder, '6' fifo
  std::string path;  // as it is written there
  std::string link;  // target of a link
  uint32_t mode = 0;  // the twelve bits of chmod(2)
  uint32_t uid = 0, gid = 0, major = 0, minor = 0;
  int64_t seconds = 0;  // of the modification time, since the epoch
  long nanoseconds = 0;
  uint64_t size = 0;  // bytes of a file
  std::map<std::string, std::string> xattrs;
};

// Reads a tar. All methods throw Refusal if it is damaged, cut off, or has what can't be unpacked.
class TarReader {
 public:
  explicit TarReader(Contents& contents) : contents_(contents) {}

  // Reads the next entry; returns false after the last, of which the rest of the contents is then read, too.
  bool Next(Entry& entry);

  // Returns the next bytes of the entry's file, none at its end.
  Bytes Content();

 private:
  using Records = std::map<std::string, std::string>;

  Bytes Take(uint64_t most);
  void Read(void* data, size_t size);
  void Skip(uint64_t size);
  std::string Extension(uint64_t size);
  Records PaxRecords(uint64_t size);

  Contents& contents_;
  Bytes here_;             // not read yet
  uint64_t content_ = 0;   // bytes of the entry's file that are not read yet
  uint64_t padding_ = 0;   // bytes after it
  std::string name_;       // for messages
  Records shared_;         // pax records that hold for all that follows
};

}  // namespace stage1

#endif  // SYSTEM_IMAGE_STAGE1_TAR_H_
