#include "rocksdb/fault_file_system.h"

#include <algorithm>

namespace coffer {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus FaultSwitch::next(const char* operation, const std::string& path) {
  if (!armed_) return IOStatus::OK();
  const int64_t left = remaining_--;
  if (left > 0 || (left < 0 && mode_ == FaultMode::kOnce)) return IOStatus::OK();
  ++injected_;
  return IOStatus::IOError(std::string("injected into ") + operation, path);
}

namespace {

#define RETURN_FAULT(operation)                                                            \
  do {                                                                                     \
    if (IOStatus fault = disk_.faults().next(operation, path_); !fault.ok()) return fault; \
  } while (false)

class FaultWritableFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultWritableFile(FaultFileSystem& disk, std::string path, uint64_t size,
                    std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk), path_(std::move(path)), size_(size) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    IOStatus fault = disk_.faults().next("Append", path_);
    // A write that fails may have written a part.
    const Slice part = fault.ok() ? data : Slice(data.data(), data.size() / 2);
    IOStatus status = FSWritableFileOwnerWrapper::Append(part, options, dbg);
    if (status.ok()) disk_.resized(path_, size_ += part.size());
    return fault.ok() ? status : fault;
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* dbg) override {
    return Append(data, options, dbg);
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg) override {
    RETURN_FAULT("Truncate");
    IOStatus status = FSWritableFileOwnerWrapper::Truncate(size, options, dbg);
    if (status.ok()) disk_.resized(path_, size_ = size);
    return status;
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override {
    const uint64_t size = size_;
    RETURN_FAULT("Sync");
    IOStatus status = FSWritableFileOwnerWrapper::Sync(options, dbg);
    if (status.ok()) disk_.synced(path_, size);
    return status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    const uint64_t size = size_;
    RETURN_FAULT("Fsync");
    IOStatus status = FSWritableFileOwnerWrapper::Fsync(options, dbg);
    if (status.ok()) disk_.synced(path_, size);
    return status;
  }
  IOStatus Flush(const IOOptions& options, IODebugContext* dbg) override {
    RETURN_FAULT("Flush");
    return FSWritableFileOwnerWrapper::Flush(options, dbg);
  }
  IOStatus Close(const IOOptions& options, IODebugContext* dbg) override {
    IOStatus status = FSWritableFileOwnerWrapper::Close(options, dbg);
    RETURN_FAULT("Close");
    return status;
  }

 private:
  FaultFileSystem& disk_;
  const std::string path_;
  std::atomic<uint64_t> size_;
};

class FaultRandomAccessFile final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  FaultRandomAccessFile(FaultFileSystem& disk, std::string path, std::unique_ptr<rocksdb::FSRandomAccessFile> file)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), disk_(disk), path_(std::move(path)) {}

  IOStatus Read(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* dbg) const override {
    RETURN_FAULT("Read");
    return FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, dbg);
  }
  IOStatus MultiRead(rocksdb::FSReadRequest* requests, size_t count, const IOOptions& options,
                     IODebugContext* dbg) override {
    RETURN_FAULT("MultiRead");
    return FSRandomAccessFileOwnerWrapper::MultiRead(requests, count, options, dbg);
  }

 private:
  FaultFileSystem& disk_;
  const std::string path_;
};

class FaultRandomRWFile final : public rocksdb::FSRandomRWFileOwnerWrapper {
 public:
  FaultRandomRWFile(FaultFileSystem& disk, std::string path, std::unique_ptr<rocksdb::FSRandomRWFile> file)
      : FSRandomRWFileOwnerWrapper(std::move(file)), disk_(disk), path_(std::move(path)) {}

  IOStatus Write(uint64_t offset, const Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    RETURN_FAULT("Write");
    return FSRandomRWFileOwnerWrapper::Write(offset, data, options, dbg);
  }
  IOStatus Read(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* dbg) const override {
    RETURN_FAULT("Read");
    return FSRandomRWFileOwnerWrapper::Read(offset, n, options, result, scratch, dbg);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override {
    RETURN_FAULT("Sync");
    return FSRandomRWFileOwnerWrapper::Sync(options, dbg);
  }

 private:
  FaultFileSystem& disk_;
  const std::string path_;
};

class FaultDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  FaultDirectory(FaultFileSystem& disk, std::string path, std::unique_ptr<rocksdb::FSDirectory> directory)
      : FSDirectoryWrapper(std::move(directory)), disk_(disk), path_(std::move(path)) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    RETURN_FAULT("directory Fsync");
    IOStatus status = FSDirectoryWrapper::Fsync(options, dbg);
    if (status.ok()) disk_.directory_synced(path_);
    return status;
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* dbg,
                               const rocksdb::DirFsyncOptions&) override {
    return Fsync(options, dbg);
  }

 private:
  FaultFileSystem& disk_;
  const std::string path_;
};

// Coffer's header: what a crash may leave of it is said in docs/format.md, section 3.
constexpr uint64_t kHeaderSize = 8192;

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

#undef RETURN_FAULT
#define RETURN_FAULT(operation)                                                    \
  do {                                                                             \
    if (IOStatus fault = faults_.next(operation, path); !fault.ok()) return fault; \
  } while (false)

}  // namespace

IOStatus FaultFileSystem::NewSequentialFile(const std::string& path, const FileOptions& options,
                                            std::unique_ptr<rocksdb::FSSequentialFile>* result, IODebugContext* dbg) {
  RETURN_FAULT("NewSequentialFile");
  return FileSystemWrapper::NewSequentialFile(path, options, result, dbg);
}

IOStatus FaultFileSystem::NewRandomAccessFile(const std::string& path, const FileOptions& options,
                                              std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                              IODebugContext* dbg) {
  RETURN_FAULT("NewRandomAccessFile");
  std::unique_ptr<rocksdb::FSRandomAccessFile> file;
  IOStatus status = FileSystemWrapper::NewRandomAccessFile(path, options, &file, dbg);
  if (status.ok()) result->reset(new FaultRandomAccessFile(*this, path, std::move(file)));
  return status;
}

IOStatus FaultFileSystem::wrap_writable(const std::string& path, uint64_t size, uint64_t synced_size,
                                        std::unique_ptr<rocksdb::FSWritableFile> file,
                                        std::unique_ptr<rocksdb::FSWritableFile>* result) {
  {
    std::lock_guard lock(mutex_);
    files_[path] = {synced_size, size};
  }
  result->reset(new FaultWritableFile(*this, path, size, std::move(file)));
  return IOStatus::OK();
}

IOStatus FaultFileSystem::NewWritableFile(const std::string& path, const FileOptions& options,
                                          std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* dbg) {
  RETURN_FAULT("NewWritableFile");
  const bool is_new = !FileSystemWrapper::FileExists(path, IOOptions(), dbg).ok();
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = FileSystemWrapper::NewWritableFile(path, options, &file, dbg);
  if (!status.ok()) return status;
  if (is_new) {
    std::lock_guard lock(mutex_);
    new_names_.insert(path);
  }
  return wrap_writable(path, 0, 0, std::move(file), result);
}

IOStatus FaultFileSystem::ReopenWritableFile(const std::string& path, const FileOptions& options,
                                             std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* dbg) {
  RETURN_FAULT("ReopenWritableFile");
  uint64_t size = 0;
  FileSystemWrapper::GetFileSize(path, IOOptions(), &size, dbg).PermitUncheckedError();
  uint64_t synced_size = size;
  {
    std::lock_guard lock(mutex_);
    if (files_.count(path) != 0) synced_size = files_[path].synced_size;
  }
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = FileSystemWrapper::ReopenWritableFile(path, options, &file, dbg);
  return status.ok() ? wrap_writable(path, size, synced_size, std::move(file), result) : status;
}

IOStatus FaultFileSystem::ReuseWritableFile(const std::string& path, const std::string& old_path,
                                            const FileOptions& options,
                                            std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* dbg) {
  RETURN_FAULT("ReuseWritableFile");
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = FileSystemWrapper::ReuseWritableFile(path, old_path, options, &file, dbg);
  if (!status.ok()) return status;
  std::lock_guard lock(mutex_);
  // Overwritten in place: what a power cut leaves of it is not modelled.
  files_.erase(old_path);
  *result = std::move(file);
  return status;
}

IOStatus FaultFileSystem::NewRandomRWFile(const std::string& path, const FileOptions& options,
                                          std::unique_ptr<rocksdb::FSRandomRWFile>* result, IODebugContext* dbg) {
  RETURN_FAULT("NewRandomRWFile");
  std::unique_ptr<rocksdb::FSRandomRWFile> file;
  IOStatus status = FileSystemWrapper::NewRandomRWFile(path, options, &file, dbg);
  if (status.ok()) result->reset(new FaultRandomRWFile(*this, path, std::move(file)));
  return status;
}

IOStatus FaultFileSystem::NewDirectory(const std::string& path, const IOOptions& options,
                                       std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext* dbg) {
  RETURN_FAULT("NewDirectory");
  std::unique_ptr<rocksdb::FSDirectory> directory;
  IOStatus status = FileSystemWrapper::NewDirectory(path, options, &directory, dbg);
  if (status.ok()) result->reset(new FaultDirectory(*this, path, std::move(directory)));
  return status;
}

IOStatus FaultFileSystem::GetFileSize(const std::string& path, const IOOptions& options, uint64_t* size,
                                      IODebugContext* dbg) {
  RETURN_FAULT("GetFileSize");
  return FileSystemWrapper::GetFileSize(path, options, size, dbg);
}

IOStatus FaultFileSystem::GetChildren(const std::string& path, const IOOptions& options,
                                      std::vector<std::string>* result, IODebugContext* dbg) {
  RETURN_FAULT("GetChildren");
  return FileSystemWrapper::GetChildren(path, options, result, dbg);
}

IOStatus FaultFileSystem::FileExists(const std::string& path, const IOOptions& options, IODebugContext* dbg) {
  RETURN_FAULT("FileExists");
  return FileSystemWrapper::FileExists(path, options, dbg);
}

IOStatus FaultFileSystem::CreateDirIfMissing(const std::string& path, const IOOptions& options, IODebugContext* dbg) {
  RETURN_FAULT("CreateDirIfMissing");
  return FileSystemWrapper::CreateDirIfMissing(path, options, dbg);
}

IOStatus FaultFileSystem::DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* dbg) {
  RETURN_FAULT("DeleteFile");
  IOStatus status = FileSystemWrapper::DeleteFile(path, options, dbg);
  if (status.ok()) {
    std::lock_guard lock(mutex_);
    files_.erase(path);
    new_names_.erase(path);
  }
  return status;
}

IOStatus FaultFileSystem::RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                                     IODebugContext* dbg) {
  const std::string& path = from;
  RETURN_FAULT("RenameFile");
  IOStatus status = FileSystemWrapper::RenameFile(from, to, options, dbg);
  if (status.ok()) {
    std::lock_guard lock(mutex_);
    if (auto moved = files_.extract(from); !moved.empty()) files_[to] = moved.mapped();
    // A rename is taken to be durable at once: RocksDB syncs the directory where it matters.
    new_names_.erase(from);
    new_names_.erase(to);
  }
  return status;
}

IOStatus FaultFileSystem::LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                                   IODebugContext* dbg) {
  const std::string& path = from;
  RETURN_FAULT("LinkFile");
  return FileSystemWrapper::LinkFile(from, to, options, dbg);
}

void FaultFileSystem::resized(const std::string& path, uint64_t size) {
  std::lock_guard lock(mutex_);
  auto file = files_.find(path);
  if (file == files_.end()) return;
  file->second.size = size;
  file->second.synced_size = std::min(file->second.synced_size, size);
}

void FaultFileSystem::synced(const std::string& path, uint64_t size) {
  std::lock_guard lock(mutex_);
  auto file = files_.find(path);
  if (file != files_.end()) file->second.synced_size = std::max(file->second.synced_size, size);
}

void FaultFileSystem::directory_synced(const std::string& path) {
  std::lock_guard lock(mutex_);
  std::erase_if(new_names_, [&](const std::string& name) { return parent_of(name) == path; });
}

void FaultFileSystem::spoil(const std::string& path, const Durability& state, std::mt19937& random) {
  std::string bytes;
  if (!rocksdb::ReadFileToString(target(), path, &bytes).ok() || bytes.size() < state.synced_size) return;
  const uint64_t unsynced = bytes.size() - state.synced_size;
  switch (random() % 4) {
    case 0:  // nothing of it reached the disk
      bytes.resize(state.synced_size);
      break;
    case 1:  // some of it
      bytes.resize(state.synced_size + random() % (unsynced + 1));
      break;
    case 2:  // some sectors, in any order
      for (uint64_t at = state.synced_size / 512 * 512; at < bytes.size(); at += 512) {
        if (random() % 2 == 0) continue;
        for (uint64_t i = std::max(at, state.synced_size); i < std::min<uint64_t>(at + 512, bytes.size()); ++i)
          bytes[i] = 0;
      }
      break;
    case 3:  // what the sectors held before; journalling file systems show that only of blocks a file had already
      for (uint64_t i = std::max((state.synced_size + random() % (unsynced + 1) + 511) / 512 * 512, kHeaderSize);
           i < bytes.size(); ++i) {
        bytes[i] = static_cast<char>(random());
      }
      break;
  }
  rocksdb::WriteStringToFile(target(), bytes, path).PermitUncheckedError();
}

void FaultFileSystem::cut_power(std::mt19937& random) {
  std::lock_guard lock(mutex_);
  for (const auto& [path, state] : files_) {
    if (state.size > state.synced_size) spoil(path, state, random);
  }
  for (const std::string& path : new_names_) {
    if (random() % 2 == 0) target()->DeleteFile(path, IOOptions(), nullptr).PermitUncheckedError();
  }
  files_.clear();
  new_names_.clear();
}

}  // namespace coffer
