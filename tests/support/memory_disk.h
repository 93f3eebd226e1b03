// A Disk in memory that knows which of its bytes and names a power failure would take, and can show what a machine
// might find afterwards. For tests.
//
// The model is POSIX without favours from any file system: sync() makes a file's bytes and size durable but not its
// name; sync_directory() makes names durable but no bytes; nothing else does. A rename is one step. What was not synced
// may be lost as a whole, from some point in time on, or piece by piece in any order.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>

#include "coffer/io/disk.h"

namespace coffer {

enum class CrashKind {
  kDropped,    // everything unsynced is gone
  kTorn,       // unsynced changes up to some moment were made; the write of that moment only in part
  kReordered,  // of the unsynced changes some were made and some not: any 512-byte sector, any change of names
};

class MemoryDisk final : public Disk {
 public:
  static constexpr size_t kSectorSize = 512;

  // With an empty directory "/"; relative paths start there too.
  MemoryDisk();
  ~MemoryDisk() override;

  Result<std::unique_ptr<ReadableFile>> open_read(const std::string& path) override;
  Result<std::unique_ptr<ReadableFile>> open_read_itself(const std::string& path) override;
  Result<std::unique_ptr<WritableFile>> open_write(const std::string& path) override;
  Result<std::unique_ptr<WritableFile>> create(const std::string& path, uint32_t mode) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status link(const std::string& existing, const std::string& path) override;
  Status remove(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Status sync_all(const std::string& path) override;
  Status make_directory(const std::string& path, uint32_t mode) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& path) override;
  Result<FileInfo> info(const std::string& path) override;
  Result<std::string> canonical(const std::string& path) override;
  Result<std::string> link_target(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path, bool wait) override;

  // What a machine that lost power now might find. The same kind and seed give the same image of the same history.
  std::unique_ptr<MemoryDisk> crash_image(CrashKind kind, uint64_t seed) const;

  // Called after every operation that changed or synced anything, in the thread that did it, with no lock held:
  // the moments at which a crash makes a difference.
  void set_observer(std::function<void()> observer);
  // How many such operations there were.
  uint64_t change_count() const;

 private:
  struct Node;
  struct NameChange;
  struct Change;
  class File;
  class Lock;
  class Survivors;
  using NodePtr = std::shared_ptr<Node>;
  struct Place {
    NodePtr directory;
    std::string name;
    NodePtr node;  // null if the name is free
  };

  // The following expect mutex_ to be held.
  Result<Place> locate(const std::string& path, std::string_view operation) const;
  Result<NodePtr> locate_file(const std::string& path, std::string_view operation) const;
  FileInfo info_of(const Node& node) const;
  NodePtr add_node(const Place& place, bool is_directory, uint32_t mode);
  void change_names(std::vector<NameChange> changes);
  void sync_node(const NodePtr& node);
  void sync_names(const NodePtr& directory);

  void changed();

  mutable std::mutex mutex_;
  std::condition_variable unlocked_;
  NodePtr root_;
  std::vector<Change> pending_;  // not yet durable, oldest first
  uint64_t next_inode_ = 2;
  int64_t clock_ns_ = 1;
  uint64_t change_count_ = 0;
  std::function<void()> observer_;
};

}  // namespace coffer
