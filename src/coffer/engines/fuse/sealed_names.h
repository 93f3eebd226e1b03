// A store whose names are encrypted: its directories, and what its paths are. docs/format.md, section 22.
#pragma once

#include <functional>
#include <map>
#include <mutex>

#include "coffer/engines/fuse/sealed_directory.h"
#include "coffer/io/descriptor.h"
#include "coffer/store/coffer.h"

namespace coffer::fusefs {

// Of the files of directories: nobody but the mount has to read them.
inline constexpr uint32_t kDirectoryFileMode = 0600;

enum class NamesAsked : uint8_t { kAsTheyAre, kClear, kEncrypted };

// Thread-safe. Paths below are those of the backing directory, and shown ones those that a mount at its place would
// have; both absolute.
class SealedNames {
 public:
  // Null for a store whose names are in clear. The keyring says which it is; a new and empty store is what `asked`
  // says, or in clear. kInvalidArgument for what it is not. `store`: canonical. `may_make`: the store is made what was
  // asked.
  static Result<std::shared_ptr<SealedNames>> of_store(std::shared_ptr<Coffer> coffer, const std::string& store,
                                                       NamesAsked asked, bool may_make);

  // The directory that `fd` is, opened with O_PATH. The same object as long as somebody has it. kDamaged where its file
  // is gone; else errors as Coffer::open_file().
  Result<std::shared_ptr<SealedDirectory>> directory(int fd);
  // Of the file of a new directory in `parent`, or of the store's own: all its bytes.
  Result<Bytes> new_directory_file(const std::string& shown, const SealedDirectory* parent);

  // What is last in it need not be there.
  Result<std::string> shown_path(const std::string& below);
  Result<std::string> path_below(const std::string& shown);

  const std::string& store() const { return store_; }
  // Where it matters which domain a path is of.
  bool paths_matter() const { return !coffer_->config().domains.empty(); }
  // Called with the lease of each directory's key, before that is used. Set before there are threads.
  std::function<void(const KeyLease&)> on_lease = [](const KeyLease&) {};

 private:
  using Inode = std::pair<dev_t, ino_t>;

  SealedNames(std::shared_ptr<Coffer> coffer, std::string store)
      : coffer_(std::move(coffer)), store_(std::move(store)) {}
  Status make_root();
  Result<std::shared_ptr<SealedDirectory>> open(int fd);
  Result<std::shared_ptr<SealedDirectory>> open_at(int fd, const std::string& directory);
  Result<OpenedFile> unlock(const ReadableFile& file, const std::string& path, const std::string& directory);
  std::string domain_of(const EnvelopeFields& fields) const;

  const std::shared_ptr<Coffer> coffer_;
  const std::string store_;
  std::mutex mutex_;
  std::map<Inode, std::weak_ptr<SealedDirectory>> open_;  // guarded by mutex_, and so is the next
  size_t tidy_at_ = 1024;                                 // so many of them, some of which may be gone
};

}  // namespace coffer::fusefs
