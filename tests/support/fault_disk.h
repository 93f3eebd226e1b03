// A Disk that passes everything on to another one and fails the operation it is told to. For tests that fail operation
// 1, then 2, and so on, until a run meets no failure any more.
#pragma once

#include <atomic>

#include "coffer/io/disk.h"

namespace coffer {

struct FaultPlan {
  uint64_t operation = 0;    // the first one to fail, from 1; 0: none
  bool for_good = false;     // every operation after it fails too
  bool short_write = false;  // a failing write writes the first half of its bytes
  Code code = Code::kIo;
};

// Operations are all calls of Disk and of the files it opened, reads included, except destruction. A failing operation
// does nothing (but see short_write), except that a failing close closes.
class FaultDisk final : public Disk {
 public:
  // `base` must outlive this and all files opened.
  explicit FaultDisk(Disk& base) : base_(base) {}

  // Counts from 1 again.
  void arm(const FaultPlan& plan);
  uint64_t operation_count() const { return operation_count_; }
  uint64_t fault_count() const { return fault_count_; }

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

 private:
  class File;

  // Counts one operation; an error if it is to fail.
  Status step(std::string_view operation, const std::string& path);

  Disk& base_;
  FaultPlan plan_;
  std::atomic<uint64_t> operation_count_{0};
  std::atomic<uint64_t> fault_count_{0};
};

}  // namespace coffer
