#include "words.h"

#include <sstream>

#include "refusal.h"

namespace stage1 {

std::string RootHash(const std::string& line) {
  const std::string name = "stage1.roothash=";
  std::string found;
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    const bool quoted = word[0] == '"' || word[0] == '\'';
    if (word.compare(quoted ? 1 : 0, 6, "stage1") != 0) continue;
    if (word.rfind(name, 0) != 0) {
      throw Refusal{"the command line has " + word + "; of a measured disk there is stage1.roothash=HEX alone"};
    }
    if (!found.empty()) throw Refusal{"the command line has stage1.roothash more than once; say it once"};
    found = word.substr(name.size());
    if (found.size() != 64 || found.find_first_not_of("0123456789abcdef") != std::string::npos) {
      throw Refusal{word + " on the command line is no root hash; give 64 digits, 0 to 9 and a to f"};
    }
  }
  if (found.empty()) throw Refusal{"the command line has no stage1.roothash=HEX, the root hash of the disk"};
  return found;
}

}  // namespace stage1
