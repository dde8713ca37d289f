#ifndef SYSTEM_IMAGE_STAGE1_TREE_H_
#define SYSTEM_IMAGE_STAGE1_TREE_H_

#include <map>
#include <string>

#include "tar.h"

namespace stage1 {

// A folder that a tar is unpacked into. Its root is the root of every path and of every symlink that a path goes
// through: nothing is written elsewhere. All methods throw Refusal.
class Tree {
 public:
  // `plain` is for a tree as loaders make it that know plain tar alone: no owners, no attributes, of the modes the nine
  // permission bits.
  Tree(const std::string& root, bool plain);
  ~Tree();
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  // Makes an entry, and takes the content of a file from `reader`.
  void Add(const Entry& entry, TarReader& reader);

  // Gives folders their modes and times: after the last entry, since what is made in them changes these.
  void Finish();

 private:
  struct Place {
    int folder;        // descriptor
    std::string name;  // in that folder
  };

  [[noreturn]] void Fail(const std::string& path) const;
  int Open(const std::string& path, uint64_t flags) const;
  int OpenFolder(const std::string& path);
  Place Find(const std::string& path);
  bool Remove(const Place& place);
  void AddFile(const Entry& entry, const std::string& path, TarReader& reader);
  void AddFolder(const Entry& entry, const std::string& path);
  void AddOther(const Entry& entry, const std::string& path);
  void SetAll(int descriptor, const Entry& entry, const std::string& path) const;

  int root_;
  bool plain_;
  std::string folder_;   // the folder of the last entry: the next is mostly there, too
  int descriptor_ = -1;  // of it
  std::map<std::string, Entry> folders_;
};

}  // namespace stage1

#endif  // SYSTEM_IMAGE_STAGE1_TREE_H_
