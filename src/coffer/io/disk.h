// The few file operations Coffer itself needs, behind one interface so that tests can put faults and crashes under all
// of it. Engines do their own I/O on data files; this is for keyrings, configuration, envelopes and tools.
//
// Every error names the path and the operation. Implementations are thread-safe; one open file is too.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "coffer/base/bytes.h"

namespace coffer {

struct FileInfo {
  uint64_t size = 0;
  uint64_t inode = 0;
  uint64_t device = 0;      // inode numbers are unique on one device
  uint64_t link_count = 1;  // names that the file has
  int64_t modified_ns = 0;  // since the Unix epoch
  int64_t changed_ns = 0;   // the same, of anything of it; nobody sets it but the system
  int64_t accessed_ns = 0;  // the same
  uint32_t mode = 0;        // permission bits
  uint32_t owner = 0;       // uid
  uint32_t group = 0;       // gid
  bool is_directory = false;
};

// Something to read at any offset.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  // Reads up to out.size() bytes; fewer only at the end of the file.
  virtual Result<size_t> read_at(uint64_t offset, MutableBytes out) const = 0;
  virtual Result<uint64_t> size() const = 0;
  // The first byte from `offset` on that may be anything but zero, or the end of the file: what lies before is a hole.
  // A file that does not tell answers `offset`.
  virtual Result<uint64_t> next_data(uint64_t offset) const { return offset; }
  // Of the file that is open, whatever its path names by now.
  virtual Result<FileInfo> info() const = 0;
};

// Opened for changing in place or growing; never truncated by opening.
class WritableFile : public ReadableFile {
 public:
  virtual Status write_at(uint64_t offset, ByteView bytes) = 0;
  virtual Status truncate(uint64_t size) = 0;
  // To whom it belongs from now on. Does nothing if it does already.
  virtual Status set_owner(uint32_t owner, uint32_t group) = 0;
  // When it was read and written last, from now on.
  virtual Status set_times(int64_t accessed_ns, int64_t modified_ns) = 0;
  // Gets the extended attributes of the file at `path`, ACLs among them: those that this user may see. REQUIRES: it has
  // none that the other has not, as a new file.
  virtual Status set_attributes_like(const std::string& path) = 0;
  // Ok if nobody has the file open but by this: no other process, and this one not once more. kBusy; kUnsupported where
  // the system does not tell that, or not to this user.
  virtual Status check_alone() const = 0;
  // Locks these bytes, which need not be there, against who does so with them by fcntl(2), until this is closed. kBusy.
  virtual Status lock_range(uint64_t offset, uint64_t size) = 0;
  // fdatasync: contents and size are durable once it returns ok. After a failure the unsynced bytes may or may not be
  // on the disk, and calling again proves nothing (the kernel may have dropped them): treat the file as torn.
  virtual Status sync() = 0;
  // These bytes, which are some, go to the disk from now on, or, with `wait`, have gone when it returns: quicker than
  // sync(), and it makes nothing durable by itself.
  virtual Status write_back(uint64_t, uint64_t, bool /*wait*/) { return Status::ok(); }
  // Closing without sync() promises nothing about durability. Every later call fails with kInvalidArgument.
  virtual Status close() = 0;
};

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
  bool is_link = false;  // a symbolic one
};

// Held until destroyed.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class Disk {
 public:
  virtual ~Disk() = default;

  // Regular files only: a FIFO or a device is kInvalidArgument, not a wait.
  virtual Result<std::unique_ptr<ReadableFile>> open_read(const std::string& path) = 0;
  // The same, but a symbolic link is not followed: kInvalidArgument. For files that are Coffer's own.
  virtual Result<std::unique_ptr<ReadableFile>> open_read_itself(const std::string& path) = 0;
  virtual Result<std::unique_ptr<WritableFile>> open_write(const std::string& path) = 0;  // must exist
  // Fails with kAlreadyExists; mode as given, whatever the umask.
  virtual Result<std::unique_ptr<WritableFile>> create(const std::string& path, uint32_t mode) = 0;
  // Replaces `to` atomically if it is there.
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  // A further name of a file that is there. kAlreadyExists.
  virtual Status link(const std::string& existing, const std::string& path) = 0;
  // A file, or a directory with nothing in it.
  virtual Status remove(const std::string& path) = 0;
  virtual Status sync_directory(const std::string& path) = 0;
  // syncfs of the file system that holds `path`.
  virtual Status sync_all(const std::string& path) = 0;
  // Fails with kAlreadyExists; mode as given, whatever the umask.
  virtual Status make_directory(const std::string& path, uint32_t mode) = 0;
  // Without . and .., sorted by name. A symbolic link counts as what it leads to.
  virtual Result<std::vector<DirectoryEntry>> list(const std::string& path) = 0;
  virtual Result<FileInfo> info(const std::string& path) = 0;  // follows symbolic links
  // The path without symbolic links, "." and "..", absolute. kNotFound for what is not there.
  virtual Result<std::string> canonical(const std::string& path) = 0;
  // What a symbolic link says; empty for what is none. kNotFound for what is not there.
  virtual Result<std::string> link_target(const std::string& path) = 0;
  // Creates the lock file (mode 0600) if there is none; it is never removed. Waits if `wait`, else kBusy. Advisory,
  // between processes and between threads alike. A forked child that keeps the descriptor keeps the lock. A symbolic
  // link is not followed: kInvalidArgument.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path, bool wait) = 0;

  // The machine's real file systems.
  static Disk& posix();
};

// The whole file. kLimitExceeded when it is larger than `size_max`.
Result<Bytes> read_file(Disk& disk, const std::string& path, size_t size_max);
// Old or new contents after a crash at any instant, never a mixture: write to a temporary file beside it, sync, rename,
// sync the directory. On failure the old file stands and the temporary one is removed, with one exception: when syncing
// the directory fails the new file is in place but may be undone by a crash, and the message says so.
// A symbolic link at `path` is replaced, not followed. What is replaced keeps its owner, group and mode;
// kPermissionDenied where this user may not give that to a file. `mode` is for one that was not there, and with kGiven
// for any. A crash may leave the temporary file, `path` + kTemporaryInfix + ….
inline constexpr std::string_view kTemporaryInfix = ".tmp-";
enum class ReplacedMode { kKept, kGiven };
Status replace_file(Disk& disk, const std::string& path, ByteView contents, uint32_t mode,
                    ReplacedMode of_replaced = ReplacedMode::kKept);
// Removes the temporary files that crashes left beside `path`, as far as that works: they do no harm. REQUIRES: nobody
// else replaces it meanwhile.
void remove_leftovers(Disk& disk, const std::string& path);
// A new file with these contents, synced with its name. kAlreadyExists. On failure it is removed again; a crash before
// this returns may leave it short.
Status create_file(Disk& disk, const std::string& path, ByteView contents, uint32_t mode);

}  // namespace coffer
