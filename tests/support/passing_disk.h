// A Disk that passes everything on to another one, for doubles that do one thing differently.
#pragma once

#include <atomic>

#include "coffer/base/path.h"
#include "coffer/io/disk.h"
#include "support/gate.h"

namespace coffer {

class PassingDisk : public Disk {
 public:
  // `base` must outlive this.
  explicit PassingDisk(Disk& base) : base_(base) {}

  Result<std::unique_ptr<ReadableFile>> open_read(const std::string& path) override { return at(path).open_read(path); }
  Result<std::unique_ptr<ReadableFile>> open_read_itself(const std::string& path) override {
    return at(path).open_read_itself(path);
  }
  Result<std::unique_ptr<WritableFile>> open_write(const std::string& path) override {
    return at(path).open_write(path);
  }
  Result<std::unique_ptr<WritableFile>> create(const std::string& path, uint32_t mode) override {
    return at(path).create(path, mode);
  }
  Status rename(const std::string& from, const std::string& to) override { return at(to).rename(from, to); }
  Status link(const std::string& existing, const std::string& path) override { return at(path).link(existing, path); }
  Status remove(const std::string& path) override { return at(path).remove(path); }
  Status sync_directory(const std::string& path) override { return at(path).sync_directory(path); }
  Status sync_all(const std::string& path) override { return at(path).sync_all(path); }
  Status make_directory(const std::string& path, uint32_t mode) override { return at(path).make_directory(path, mode); }
  Result<std::vector<DirectoryEntry>> list(const std::string& path) override { return at(path).list(path); }
  Result<FileInfo> info(const std::string& path) override { return at(path).info(path); }
  Result<std::string> canonical(const std::string& path) override { return at(path).canonical(path); }
  Result<std::string> link_target(const std::string& path) override { return at(path).link_target(path); }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path, bool wait) override {
    return at(path).lock(path, wait);
  }

 protected:
  // Before each operation.
  virtual void before(const std::string&) {}

 private:
  Disk& at(const std::string& path) {
    before(path);
    return base_;
  }

  Disk& base_;
};

// Takes its time: below one directory nothing happens unless a gate is open.
class GatedDisk final : public PassingDisk {
 public:
  GatedDisk(Disk& base, std::string directory) : PassingDisk(base), directory_(std::move(directory)) {}
  Gate& gate() { return gate_; }

 protected:
  void before(const std::string& path) override {
    if (is_within(path, directory_)) gate_.pass();
  }

 private:
  const std::string directory_;
  Gate gate_;
};

// Has no room for new files below one directory while it is full.
class FullDisk final : public PassingDisk {
 public:
  FullDisk(Disk& base, std::string directory) : PassingDisk(base), directory_(std::move(directory)) {}
  void set_full(bool full) { is_full_ = full; }

  Result<std::unique_ptr<WritableFile>> create(const std::string& path, uint32_t mode) override {
    if (is_full_ && is_within(path, directory_)) return {Code::kNoSpace, "create " + path + ": no space left"};
    return PassingDisk::create(path, mode);
  }

 private:
  const std::string directory_;
  std::atomic<bool> is_full_{false};
};

// As a network file system to a machine whose locks the others do not see.
class LocklessDisk : public PassingDisk {
 public:
  using PassingDisk::PassingDisk;
  Result<std::unique_ptr<FileLock>> lock(const std::string&, bool) override { return std::make_unique<FileLock>(); }
};

}  // namespace coffer
