// What a mount's calls mean for the counts of files: store/file_counts.h.
//
// A file that is open is looked at where counts are saved, and when it is closed: nothing is told of a write. Of others
// the head is read when they get another name, or lose one.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include "coffer/store/coffer.h"

namespace coffer::fusefs {

class FileSystem;
class Inode;

// Thread-safe.
class Counting {
 public:
  // All that is below a mount is `store`'s.
  Counting(Coffer& coffer, const Id& store) : coffer_(coffer), store_(store) {}

  // Whether anybody wants to know. Cheap.
  bool are_kept() const { return coffer_.file_counts().are_kept(); }
  // Of a file that may change from now on. `fd`: opened with O_PATH, outlives what is returned. `st`, `found`: as it
  // was when it was opened.
  std::shared_ptr<GrowingFile> list(int fd, const struct stat& st, const FileClass& found);
  // The same of one that was just made.
  std::shared_ptr<GrowingFile> list_new(int fd);
  // The file at `path`, seen from `directory`, by that name alone; `flags`: O_NOFOLLOW, or 0. nullopt for what is no
  // regular file, or cannot be read.
  std::optional<CountedFile> at(int directory, const std::string& path, int flags) const;
  void changed(const std::optional<CountedFile>& from, const std::optional<CountedFile>& to) {
    coffer_.file_counts().changed(from, to);
  }

 private:
  Coffer& coffer_;
  const Id store_;
};

// Names of files that are about to be made or taken away. Does nothing where no counts are kept.
class NameChange {
 public:
  explicit NameChange(FileSystem& files);
  bool is_counted() const { return counting_ != nullptr; }

  // Before: the entry goes.
  void loses(const Inode& parent, const std::string& below);
  // Before: the file gets one more.
  void gains(const Inode& inode);
  // They are as was said.
  void done();
  // After: the entry of a file that nobody has open was made.
  void made(const Inode& parent, const std::string& below);

 private:
  struct Affected {
    std::shared_ptr<Inode> inode;
    std::shared_ptr<GrowingFile> listed = nullptr;  // while it is open; what it looks at is the inode's
    std::optional<CountedFile> gone = {}, come = {};
  };

  FileSystem& files_;
  Counting* counting_;  // null: nobody wants to know
  std::vector<Affected> affected_;
};

}  // namespace coffer::fusefs
