#include "words.h"

#include <map>
#include <set>
#include <sstream>

#include "refusal.h"

namespace stage1 {
namespace {

constexpr char kDigits[] = "0123456789abcdef";
constexpr size_t kDigest = 64;
constexpr size_t kLongest = 15;  // digits of a size

// A word that is for stage1, or was meant to be.
bool IsOurs(const std::string& word) {
  return word.compare(word[0] == '"' || word[0] == '\'' ? 1 : 0, 6, "stage1") == 0;
}

bool IsDigest(const std::string& text) {
  return text.size() == kDigest && text.find_first_not_of(kDigits) == std::string::npos;
}

uint64_t Size(const std::string& text) {
  if (text.empty()) throw Refusal{"the command line has no stage1.size=BYTES, the length of the image"};
  if (text[0] == '0' || text.size() > kLongest || text.find_first_not_of("0123456789") != std::string::npos) {
    throw Refusal{"stage1.size=" + text + " on the command line is no length of an image in bytes"};
  }
  return std::stoull(text);
}

}  // namespace

ImageWords ReadImageWords(const std::string& line) {
  std::map<std::string, std::string> values = {{"stage1.size", ""}, {"stage1.sha256", ""}, {"stage1.unpack", ""}};
  std::set<std::string> seen;
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    if (!IsOurs(word)) continue;
    const std::string name = word.substr(0, word.find('='));
    if (!seen.insert(name).second) {
      throw Refusal{"the command line has " + name + " more than once; say it once"};
    }
    const auto known = values.find(name);
    if (known == values.end()) {
      throw Refusal{"the command line has " + word + "; there are stage1.size, stage1.sha256 and stage1.unpack"};
    }
    if (word.size() <= name.size() + 1) {
      throw Refusal{"the command line has " + word + ", which has no value; give one, or leave it out"};
    }
    known->second = word.substr(name.size() + 1);
  }
  ImageWords found;
  found.size = Size(values["stage1.size"]);
  found.sha256 = values["stage1.sha256"];
  if (!found.sha256.empty() && !IsDigest(found.sha256)) {
    throw Refusal{"stage1.sha256=" + found.sha256 + " on the command line is no digest; give 64 digits, 0 to 9 and a to f"};
  }
  const std::string& unpack = values["stage1.unpack"];
  if (!unpack.empty() && unpack != "plain") {
    throw Refusal{"stage1.unpack=" + unpack + " on the command line is unknown; there is stage1.unpack=plain"};
  }
  found.plain = !unpack.empty();
  return found;
}

std::string RootHash(const std::string& line) {
  const std::string name = "stage1.roothash=";
  std::string found;
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    if (!IsOurs(word)) continue;
    if (word.rfind(name, 0) != 0) {
      throw Refusal{"the command line has " + word + "; of a measured disk there is stage1.roothash=HEX alone"};
    }
    if (!found.empty()) throw Refusal{"the command line has stage1.roothash more than once; say it once"};
    found = word.substr(name.size());
    if (!IsDigest(found)) {
      throw Refusal{word + " on the command line is no root hash; give 64 digits, 0 to 9 and a to f"};
    }
  }
  if (found.empty()) throw Refusal{"the command line has no stage1.roothash=HEX, the root hash of the disk"};
  return found;
}

}  // namespace stage1
