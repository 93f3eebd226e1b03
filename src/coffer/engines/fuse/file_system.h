// A directory as FUSE sees it: names, owners, modes, times, links and attributes are those of the backing directory,
// and what stands in files is what Contents make of it. Modelled on libfuse's passthrough: each inode that the kernel
// knows is a descriptor of the file itself, so that no path is walked twice and renames change nothing.
//
// All files change through this mount only, so the kernel may keep what it was told for as long as it likes.
#pragma once

#include <fuse3/fuse_lowlevel.h>

#include <deque>
#include <new>
#include <shared_mutex>
#include <unordered_map>

#include "coffer/base/change_gate.h"
#include "coffer/base/interval_thread.h"
#include "coffer/engines/fuse/inode.h"
#include "coffer/engines/fuse/trouble.h"

namespace coffer::fusefs {

// For as long as the kernel likes.
inline constexpr double kForeverSeconds = 86400.0 * 365;

// Where names are encrypted, and a key that is taken back takes them along.
inline constexpr double kNameSeconds = 1;

struct FileSystemOptions {
  // Writes gather in the kernel until somebody syncs, closes, or half a minute has gone.
  bool write_back = false;
};

// Of a file or directory that the kernel has open.
class Handle {
 public:
  Handle() = default;
  virtual ~Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
};

class FileHandle final : public Handle {
 public:
  explicit FileHandle(std::shared_ptr<Inode> opened) : inode(std::move(opened)) {}
  const std::shared_ptr<Inode> inode;
};

class FileSystem {
 public:
  // `root`: the backing directory, opened with O_PATH.
  FileSystem(Descriptor root, const struct stat& st, Contents& contents, TroubleLog& log,
             const FileSystemOptions& options);

  Contents& contents() { return contents_; }
  TroubleLog& log() { return log_; }
  const FileSystemOptions& options() const { return options_; }
  // Null where names are in clear.
  SealedNames* names() const { return contents_.names(); }
  InodeTable& inodes() { return inodes_; }
  Inode& root() { return *root_; }
  Inode& inode(fuse_ino_t ino) { return ino == FUSE_ROOT_ID ? *root_ : *reinterpret_cast<Inode*>(ino); }
  // How the kernel is to call it.
  fuse_ino_t number(const Inode& inode) const {
    return &inode == root_.get() ? FUSE_ROOT_ID : reinterpret_cast<fuse_ino_t>(&inode);
  }

  // What an entry of this directory is called below: `name` itself, unless names are encrypted. 0, or an error number.
  int name_below(Inode& parent, const char* name, std::string* out);
  // The same of one that is about to be made.
  int new_name_below(Inode& parent, const char* name, std::string* out);
  // The entry of what is called `name` there, with one more lookup. 0, or an error number.
  int look_up(Inode& parent, const char* name, fuse_entry_param* out);
  int look_up_below(Inode& parent, const char* below, fuse_entry_param* out);
  // What a symbolic link leads to is sealed for the directories of one domain. 0, or EXDEV where this one could not be
  // told in `directory`, as between file systems: whoever moves it then makes another one there.
  int check_link_in(const Inode& link, Inode& directory);
  // The same of any link of one directory in another.
  int check_links_in(Inode& from, Inode& to);
  // How long the kernel may go by a name without asking.
  double name_seconds() const { return names() == nullptr ? kForeverSeconds : kNameSeconds; }
  void forget(fuse_ino_t ino, uint64_t lookups);
  // Of a directory's entry, in the backing directory.
  Result<std::string> path_of(Inode& parent, const char* name) const;

  // Whatever changes the backing directory passes it, before it takes any lock.
  ChangeGate& changes() { return changes_; }
  // Held shared while a file is opened by its path, and alone while paths change that matter.
  std::shared_mutex& moves() { return moves_; }

  // What the kernel is told of it, which it may give back at once; it may also end the mount and give nothing back.
  uint64_t add_handle(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> take_handle(uint64_t number);
  // A handle of the file goes. Files that nobody has open any more stay so for a moment, since closing one takes syncs,
  // and programs often open again what they have closed.
  void release(const std::shared_ptr<Inode>& inode);
  // Closes what is open. Nothing is opened any more.
  void close_all();
  // Called once, when the kernel has taken the mount up.
  std::function<void()> on_ready;

 private:
  int stored_name(Inode& parent, const char* name, StoredName* out);
  int check_shared_links(const SealedDirectory* from, Inode& to);

  Contents& contents_;
  TroubleLog& log_;
  const FileSystemOptions options_;
  InodeTable inodes_;
  const std::shared_ptr<Inode> root_;
  ChangeGate changes_;
  std::shared_mutex moves_;

  std::mutex handles_mutex_;
  std::unordered_map<uint64_t, std::unique_ptr<Handle>> handles_;  // guarded by handles_mutex_

  struct Idle {
    std::shared_ptr<Inode> inode;
    std::chrono::steady_clock::time_point since;
  };
  static constexpr std::chrono::milliseconds kIdleTime{1000};
  static constexpr size_t kIdleMax = 1024;
  // The first that has been idle for so long, or null.
  std::shared_ptr<Inode> take_idle(std::chrono::milliseconds time, size_t left);
  void close_idle(Inode& inode);
  std::mutex idle_mutex_;
  std::deque<Idle> idle_;  // guarded by idle_mutex_
  IntervalThread closing_;  // last: it uses the others
};

// The operations of FUSE, by what they are about.
void add_name_operations(fuse_lowlevel_ops& ops);
void add_rename_operations(fuse_lowlevel_ops& ops);
void add_attribute_operations(fuse_lowlevel_ops& ops);
void add_directory_operations(fuse_lowlevel_ops& ops);
void add_data_operations(fuse_lowlevel_ops& ops);

inline FileSystem& file_system_of(fuse_req_t request) {
  return *static_cast<FileSystem*>(fuse_req_userdata(request));
}

// What an operation returns that has answered by itself; else it returns an error number, or 0 for "done".
inline constexpr int kAnswered = -1;
// Runs an operation. No exception reaches libfuse; nothing may be thrown after an answer.
template <class Operation>
void answer(fuse_req_t request, const Operation& operation) noexcept {
  int error = EIO;
  try {
    error = operation(file_system_of(request));
  } catch (const std::bad_alloc&) {
    error = ENOMEM;
  } catch (...) {
    error = EIO;
  }
  if (error != kAnswered) fuse_reply_err(request, error);
}

// The same of one that changes what is below.
template <class Operation>
void answer_change(fuse_req_t request, const Operation& operation) noexcept {
  const ChangeGate::Passage passage(file_system_of(request).changes());
  answer(request, operation);
}

inline int errno_unless(bool done) { return done ? 0 : errno; }

}  // namespace coffer::fusefs
