// A RocksDB file system that fails on demand and forgets what was not synced: below a Coffer file system it is the
// disk.
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <set>

namespace coffer {

enum class FaultMode {
  kOnce,     // one operation fails
  kForGood,  // and all after it
};

// Counts the operations that can fail, and fails the one with the number it was told. Thread-safe.
class FaultSwitch {
 public:
  // From now on, the operation `countdown` (from 0) fails.
  void arm(int64_t countdown, FaultMode mode) {
    mode_ = mode;
    injected_ = 0;
    remaining_ = countdown;
    armed_ = true;
  }
  void disarm() { armed_ = false; }
  int64_t injected() const { return injected_; }

  rocksdb::IOStatus next(const char* operation, const std::string& path);

 private:
  std::atomic<bool> armed_{false};
  std::atomic<int64_t> remaining_{0};
  std::atomic<int64_t> injected_{0};
  std::atomic<FaultMode> mode_{FaultMode::kOnce};
};

// What a power cut would leave of one file.
struct Durability {
  uint64_t synced_size = 0;
  uint64_t size = 0;
};

class FaultFileSystem : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultFileSystem(const std::shared_ptr<rocksdb::FileSystem>& base) : FileSystemWrapper(base) {}
  const char* Name() const override { return "FaultFileSystem"; }

  FaultSwitch& faults() { return faults_; }

  // Rewrites the files as a power cut would leave them: what was not synced is gone, cut anywhere, or full of holes and
  // garbage; new names in directories that were not synced may be gone. All files are closed.
  void cut_power(std::mt19937& random);

  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                      rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                        rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* result,
                                       rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* result,
                                      rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewRandomRWFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSRandomRWFile>* result,
                                    rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result, rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus GetFileSize(const std::string& path, const rocksdb::IOOptions& options, uint64_t* size,
                                rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus GetChildren(const std::string& path, const rocksdb::IOOptions& options,
                                std::vector<std::string>* result, rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus FileExists(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus CreateDirIfMissing(const std::string& path, const rocksdb::IOOptions& options,
                                       rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* dbg) override;

  // For the files it has opened.
  void resized(const std::string& path, uint64_t size);
  void synced(const std::string& path, uint64_t size);
  void directory_synced(const std::string& path);

 private:
  rocksdb::IOStatus wrap_writable(const std::string& path, uint64_t size, uint64_t synced_size,
                                  std::unique_ptr<rocksdb::FSWritableFile> file,
                                  std::unique_ptr<rocksdb::FSWritableFile>* result);
  void spoil(const std::string& path, const Durability& state, std::mt19937& random);

  FaultSwitch faults_;
  std::mutex mutex_;
  std::map<std::string, Durability> files_;
  std::set<std::string> new_names_;  // in directories not synced since
};

}  // namespace coffer
