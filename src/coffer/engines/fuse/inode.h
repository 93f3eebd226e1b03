// The files and directories of a mount that the kernel knows.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "coffer/engines/fuse/contents.h"
#include "coffer/engines/fuse/sealed_names.h"
#include "coffer/store/file_counts.h"

namespace coffer::fusefs {

// One file, by whatever names. Thread-safe.
class Inode {
 public:
  // `fd`: opened with O_PATH.
  Inode(Descriptor fd, const struct stat& st, uint64_t new_generation)
      : device(st.st_dev),
        number(st.st_ino),
        type(st.st_mode & S_IFMT),
        generation(new_generation),
        fd_(std::move(fd)) {}

  const dev_t device;
  const ino_t number;
  const mode_t type;
  const uint64_t generation;

  int fd() const { return fd_.get(); }
  bool is_regular() const { return type == S_IFREG; }
  // A path of this process's that leads to the file, whatever its name is by now.
  std::string way() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }
  // Where it stands in the backing directory now.
  Result<std::string> path() const;
  // Of a directory whose names are encrypted: its names, kept as long as the kernel knows it.
  Result<std::shared_ptr<const SealedDirectory>> names(SealedNames& store);
  // Of a symbolic link in a store like that: a directory that it is in.
  void found_in(std::shared_ptr<const SealedDirectory> directory);
  std::shared_ptr<const SealedDirectory> found_in() const;
  // What the link leads to.
  Result<std::string> target(const Contents& contents) const;
  // 0, or an error number. The size is that of the plaintext, as far as it can be told.
  int stat(Contents& contents, struct stat* out);

  // One more handle. `kept`: nobody has changed the file since it was open last, so that cached pages still hold.
  Status open(Contents& contents, Opening opening, bool* kept);
  // The same of one that was just made.
  void adopt(Contents& contents, std::unique_ptr<FileBody> body);
  // One handle less. Whether that was the last: the file stays open until close_if_idle() or the next handle.
  bool release();
  Status close_if_idle();
  // It is gone for good: what only its body knows need not reach the disk.
  void drop_if_unlinked();
  // REQUIRES: a handle is open
  std::shared_ptr<FileBody> body() const;
  Status sync_if_open();
  // FileBody::settle().
  Status settle_if_open();
  // What counts it while it is open; null where it is not.
  std::shared_ptr<GrowingFile> listing() const;
  // Closes it, whatever handles there are: the mount has ended.
  Status abandon();

 private:
  friend class InodeTable;
  void set_body(std::shared_ptr<FileBody> body, std::shared_ptr<GrowingFile> listing) {
    body_ = std::move(body);
    listing_ = std::move(listing);
    is_open_ = body_ != nullptr;
  }
  // What a file looked like when its size was known.
  struct Stamp {
    off_t physical_size = -1;
    timespec modified{}, changed{};

    static Stamp of(const struct stat& st) { return {st.st_size, st.st_mtim, st.st_ctim}; }
    bool operator==(const Stamp& other) const;
  };
  std::shared_ptr<FileBody> body_if_open() const;
  Status open_locked(Contents& contents, Opening opening, bool* kept);
  Status close_locked();
  // Also opens for reading alone what may not be written, for who does not write.
  Result<Descriptor> open_backing(bool read_only, bool for_writing, bool* writable) const;

  const Descriptor fd_;
  uint64_t lookups_ = 0;  // guarded by the table's mutex
  mutable std::mutex mutex_;
  std::shared_ptr<FileBody> body_;
  std::atomic<bool> is_open_{false};  // it has a body
  bool writable_ = false;
  uint64_t handles_ = 0;
  std::shared_ptr<const SealedDirectory> names_;  // its own, or of one that the link is in
  Stamp stamp_;              // of known_size_
  uint64_t known_size_ = 0;  // while it is not open
  std::shared_ptr<GrowingFile> listing_;  // with body_, if that may change
};

// Thread-safe. As large as what the kernel has looked up and not forgotten: each costs a descriptor.
class InodeTable {
 public:
  // The inode of the file that `fd` is, with one more lookup to be forgotten.
  std::shared_ptr<Inode> enter(Descriptor fd, const struct stat& st);
  // The inode, if that was the last of them. While it is open it stays: two bodies of one file must never be.
  std::shared_ptr<Inode> forget(Inode& inode, uint64_t lookups);
  // It may have been closed.
  void settle(const Inode& inode);
  // REQUIRES: the kernel knows it
  std::shared_ptr<Inode> hold(const Inode& inode) const;
  // Null where the kernel does not know it, nor is it open.
  std::shared_ptr<Inode> find(const struct stat& st) const;
  std::vector<std::shared_ptr<Inode>> all() const;

 private:
  struct Key {
    dev_t device;
    ino_t number;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& key) const { return std::hash<uint64_t>()(key.number * 31 + key.device); }
  };

  mutable std::mutex mutex_;
  std::unordered_map<Key, std::shared_ptr<Inode>, Hash> inodes_;
  uint64_t next_generation_ = 1;
};

}  // namespace coffer::fusefs
