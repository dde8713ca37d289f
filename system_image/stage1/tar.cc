#include "tar.h"

#include <sys/types.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "refusal.h"

namespace stage1 {
namespace {

constexpr size_t kBlock = 512;
constexpr uint64_t kMaxExtension = uint64_t{1} << 20;  // what names and attributes of one entry take at most
constexpr char kXattr[] = "SCHILY.xattr.";

struct Header {
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[8], uname[32],
      gname[32], major[8], minor[8], prefix[155], rest[12];
};
static_assert(sizeof(Header) == kBlock, "a header is one block");

[[noreturn]] void Damaged(const std::string& what, const std::string& name) {
  RefuseContents(what + (name.empty() ? "" : ", in or after the entry " + name));
}

uint64_t Padding(uint64_t size) { return (kBlock - size % kBlock) % kBlock; }

std::string Text(const char* field, size_t size) { return {field, strnlen(field, size)}; }

// Reads a number in octal, or in GNU's base 256, two's complement. Returns whether it is one.
bool Number(const char* field, size_t size, int64_t& number) {
  const auto first = static_cast<unsigned char>(field[0]);
  if (first & 0x80) {
    // The second bit is the sign.
    auto value = static_cast<uint64_t>(first & 0x40 ? -1 : 0);
    for (size_t i = 0; i < size; ++i) {
      const auto byte = static_cast<unsigned char>(i == 0 ? (first & 0x40 ? first : first & 0x3f) : field[i]);
      const uint64_t top = value >> 55;  // the sign, and what the shift drops
      if (top != 0 && top != 0x1ff) return false;
      value = value << 8 | byte;
    }
    number = static_cast<int64_t>(value);
    return true;
  }
  size_t at = 0;
  while (at < size && field[at] == ' ') ++at;
  uint64_t value = 0;
  for (; at < size && field[at] >= '0' && field[at] <= '7'; ++at) value = value * 8 + static_cast<uint64_t>(field[at] - '0');
  number = static_cast<int64_t>(value);
  return at == size || field[at] == ' ' || field[at] == '\0';
}

// Reads a decimal number that may have a fraction. Returns whether it is one.
bool Decimal(const std::string& text, int64_t& number, long& nanoseconds) {
  const bool negative = !text.empty() && text[0] == '-';
  size_t at = negative ? 1 : 0;
  if (at == text.size() || text[at] < '0' || text[at] > '9') return false;
  number = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    if (number > (std::numeric_limits<int64_t>::max() - 9) / 10) return false;
    number = number * 10 + (text[at] - '0');
  }
  nanoseconds = 0;
  if (at < text.size() && text[at] == '.') {
    long unit = 100000000;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10) nanoseconds += unit * (text[at] - '0');
  }
  if (negative) {
    number = -number - (nanoseconds != 0);
    nanoseconds = nanoseconds == 0 ? 0 : 1000000000 - nanoseconds;
  }
  return at == text.size();
}

bool IsHeader(const Header& header) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(&header);
  int64_t wanted = 0, sum = 0, signed_sum = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    const bool own = i >= offsetof(Header, checksum) && i < offsetof(Header, type);
    sum += own ? ' ' : bytes[i];
    signed_sum += own ? ' ' : static_cast<signed char>(bytes[i]);
  }
  return Number(header.checksum, sizeof(header.checksum), wanted) && (wanted == sum || wanted == signed_sum);
}

// What the numbers of a header say, before they are put into an entry.
struct Numbers {
  int64_t mode, uid, gid, size, mtime, major, minor;
  long nanoseconds = 0;

  explicit Numbers(const Header& header) {
    const bool device = header.type == '3' || header.type == '4';
    major = minor = 0;
    good = Number(header.mode, sizeof(header.mode), mode) && Number(header.uid, sizeof(header.uid), uid) &&
           Number(header.gid, sizeof(header.gid), gid) && Number(header.size, sizeof(header.size), size) &&
           Number(header.mtime, sizeof(header.mtime), mtime) &&
           (!device || (Number(header.major, sizeof(header.major), major) && Number(header.minor, sizeof(header.minor), minor)));
  }

  bool Fit() const {
    // -1 is no owner: to chown(2) it says that the owner is to stay.
    const auto owner = [](int64_t id) { return id >= 0 && id < std::numeric_limits<uint32_t>::max(); };
    return good && owner(uid) && owner(gid) && size >= 0 && major >= 0 && major < 1 << 12 && minor >= 0 && minor < 1 << 20;
  }

  bool good;
};

bool IsZero(const Header& header) {
  const auto* bytes = reinterpret_cast<const char*>(&header);
  return std::all_of(bytes, bytes + kBlock, [](char byte) { return byte == 0; });
}

// Applies a pax record to an entry and its numbers; returns false for a value that can't be.
bool Apply(const std::string& key, const std::string& value, Entry& entry, Numbers& numbers) {
  long ignored = 0;
  const bool has_nul = value.find('\0') != std::string::npos;
  if (key == "path") {
    entry.path = value;
    return !has_nul;
  }
  if (key == "linkpath") {
    entry.link = value;
    return !has_nul;
  }
  if (key == "size") return Decimal(value, numbers.size, ignored) && ignored == 0;
  if (key == "uid") return Decimal(value, numbers.uid, ignored) && ignored == 0;
  if (key == "gid") return Decimal(value, numbers.gid, ignored) && ignored == 0;
  if (key == "mtime") return Decimal(value, numbers.mtime, numbers.nanoseconds);
  if (key.compare(0, sizeof(kXattr) - 1, kXattr) == 0) {
    const std::string name = key.substr(sizeof(kXattr) - 1);
    entry.xattrs[name] = value;
    return !name.empty() && name.find('\0') == std::string::npos;
  }
  // Times of access, names of owners, comments: nothing that a guest has.
  return key.compare(0, 10, "GNU.sparse") != 0;
}

}  // namespace

Bytes TarReader::Take(uint64_t most) {
  if (here_.size == 0) here_ = contents_.Next();
  const Bytes taken{here_.data, static_cast<size_t>(std::min<uint64_t>(most, here_.size))};
  here_.data += taken.size;
  here_.size -= taken.size;
  return taken;
}

void TarReader::Read(void* data, size_t size) {
  for (auto* to = static_cast<uint8_t*>(data); size > 0;) {
    const Bytes bytes = Take(size);
    if (bytes.size == 0) Damaged("it is cut off", name_);
    std::memcpy(to, bytes.data, bytes.size);
    to += bytes.size;
    size -= bytes.size;
  }
}

void TarReader::Skip(uint64_t size) {
  while (size > 0) {
    const Bytes bytes = Take(size);
    if (bytes.size == 0) Damaged("it is cut off", name_);
    size -= bytes.size;
  }
}

std::string TarReader::Extension(uint64_t size) {
  if (size > kMaxExtension) Damaged("an extended header has " + std::to_string(size) + " bytes", name_);
  std::string text(static_cast<size_t>(size), '\0');
  Read(&text[0], text.size());
  Skip(Padding(size));
  return text;
}

TarReader::Records TarReader::PaxRecords(uint64_t size) {
  const std::string text = Extension(size);
  Records records;
  for (size_t at = 0; at < text.size();) {
    // "LENGTH KEY=VALUE\n", and the length is that of all of it.
    size_t length = 0, digit = at;
    for (; digit < text.size() && text[digit] >= '0' && text[digit] <= '9' && length <= text.size(); ++digit) {
      length = length * 10 + static_cast<size_t>(text[digit] - '0');
    }
    const size_t end = at + length;
    const size_t equals = text.find('=', digit);
    if (length == 0 || length > text.size() - at || text[digit] != ' ' || equals == std::string::npos || equals >= end ||
        text[end - 1] != '\n') {
      Damaged("a pax header is damaged", name_);
    }
    records[text.substr(digit + 1, equals - digit - 1)] = text.substr(equals + 1, end - equals - 2);
    at = end;
  }
  return records;
}

bool TarReader::Next(Entry& entry) {
  Skip(content_ + padding_);
  content_ = padding_ = 0;
  Records records;
  std::string long_path, long_link;
  for (;;) {
    Header header;
    Read(&header, kBlock);
    if (IsZero(header)) {
      Read(&header, kBlock);
      if (!IsZero(header)) Damaged("there is something after a block of zeros", name_);
      if (!records.empty() || !long_path.empty() || !long_link.empty()) Damaged("it ends after an extended header", name_);
      // What decoders check at the end of their contents, they check here.
      while (Take(std::numeric_limits<uint64_t>::max()).size != 0) {
      }
      return false;
    }
    if (!IsHeader(header)) Damaged("a header's checksum is wrong", name_);
    Numbers numbers(header);
    if (!numbers.Fit()) Damaged("a header has a number that can't be", name_);
    const auto size = static_cast<uint64_t>(numbers.size);
    switch (header.type) {
      case 'x':
      case 'X':
        records = PaxRecords(size);
        continue;
      case 'g':
        for (auto& [key, value] : PaxRecords(size)) shared_[key] = value;
        continue;
      case 'L':
        long_path = Extension(size).c_str();
        continue;
      case 'K':
        long_link = Extension(size).c_str();
        continue;
      default:
        break;
    }
    entry = Entry();
    entry.type = header.type == '\0' || header.type == '7' ? '0' : header.type;
    entry.path = Text(header.name, sizeof(header.name));
    // GNU's own format has other fields there.
    const bool posix = std::memcmp(header.magic, "ustar\0", 6) == 0;
    if (posix && header.prefix[0] != '\0') entry.path = Text(header.prefix, sizeof(header.prefix)) + "/" + entry.path;
    entry.link = Text(header.link, sizeof(header.link));
    if (!long_path.empty()) entry.path = long_path;
    if (!long_link.empty()) entry.link = long_link;
    name_ = entry.path;
    for (const Records* all : {&shared_, &records}) {
      for (const auto& [key, value] : *all) {
        if (!Apply(key, value, entry, numbers)) Damaged("the pax header's " + key + " is nothing that stage1 can unpack", name_);
      }
    }
    if (!numbers.Fit()) Damaged("a pax header has a number that can't be", name_);
    // Before there was a type for folders, their names ended with a slash.
    if (entry.type == '0' && !entry.path.empty() && entry.path.back() == '/') entry.type = '5';
    name_ = entry.path;
    entry.mode = static_cast<uint32_t>(numbers.mode) & 07777;
    entry.uid = static_cast<uint32_t>(numbers.uid);
    entry.gid = static_cast<uint32_t>(numbers.gid);
    entry.major = static_cast<uint32_t>(numbers.major);
    entry.minor = static_cast<uint32_t>(numbers.minor);
    entry.seconds = numbers.mtime;
    entry.nanoseconds = numbers.nanoseconds;
    if (entry.type == '0') {
      entry.size = content_ = static_cast<uint64_t>(numbers.size);
      padding_ = Padding(content_);
    }
    return true;
  }
}

Bytes TarReader::Content() {
  if (content_ == 0) return {};
  const Bytes bytes = Take(content_);
  if (bytes.size == 0) Damaged("it is cut off", name_);
  content_ -= bytes.size;
  return bytes;
}

}  // namespace stage1
