#include "support/fault_disk.h"

namespace coffer {

// Serves as ReadableFile too: then `writable_` is null and nobody can call what needs it.
class FaultDisk::File final : public WritableFile {
 public:
  File(FaultDisk& disk, std::string path, std::unique_ptr<ReadableFile> readable)
      : disk_(disk), path_(std::move(path)), readable_(std::move(readable)) {}
  File(FaultDisk& disk, std::string path, std::unique_ptr<WritableFile> writable)
      : disk_(disk), path_(std::move(path)), writable_(writable.get()), readable_(std::move(writable)) {}

  Result<size_t> read_at(uint64_t offset, MutableBytes out) const override {
    COFFER_TRY(disk_.step("read", path_));
    return readable_->read_at(offset, out);
  }
  Result<uint64_t> size() const override {
    COFFER_TRY(disk_.step("stat", path_));
    return readable_->size();
  }
  Result<FileInfo> info() const override {
    COFFER_TRY(disk_.step("stat", path_));
    return readable_->info();
  }
  Status write_at(uint64_t offset, ByteView bytes) override {
    Status fault = disk_.step("write", path_);
    if (fault.is_ok()) return writable_->write_at(offset, bytes);
    if (disk_.plan_.short_write) COFFER_TRY(writable_->write_at(offset, bytes.first(bytes.size() / 2)));
    return fault;
  }
  Status truncate(uint64_t size) override {
    COFFER_TRY(disk_.step("truncate", path_));
    return writable_->truncate(size);
  }
  Status set_owner(uint32_t owner, uint32_t group) override {
    COFFER_TRY(disk_.step("set the owner of", path_));
    return writable_->set_owner(owner, group);
  }
  Status set_times(int64_t accessed_ns, int64_t modified_ns) override {
    COFFER_TRY(disk_.step("set the times of", path_));
    return writable_->set_times(accessed_ns, modified_ns);
  }
  Status set_attributes_like(const std::string& path) override {
    COFFER_TRY(disk_.step("set the attributes of", path_));
    return writable_->set_attributes_like(path);
  }
  Status check_alone() const override {
    COFFER_TRY(disk_.step("look who has open", path_));
    return writable_->check_alone();
  }
  Status lock_range(uint64_t offset, uint64_t size) override {
    COFFER_TRY(disk_.step("lock", path_));
    return writable_->lock_range(offset, size);
  }
  Status sync() override {
    COFFER_TRY(disk_.step("sync", path_));
    return writable_->sync();
  }
  Status close() override {
    Status fault = disk_.step("close", path_);
    Status closed = writable_->close();
    return fault.is_ok() ? closed : fault;
  }

 private:
  FaultDisk& disk_;
  std::string path_;
  WritableFile* writable_ = nullptr;
  std::unique_ptr<ReadableFile> readable_;
};

void FaultDisk::arm(const FaultPlan& plan) {
  plan_ = plan;
  operation_count_ = 0;
  fault_count_ = 0;
}

Status FaultDisk::step(std::string_view operation, const std::string& path) {
  uint64_t number = ++operation_count_;
  bool fails = plan_.operation != 0 && (plan_.for_good ? number >= plan_.operation : number == plan_.operation);
  if (!fails) return {};
  ++fault_count_;
  return {plan_.code, std::string(operation) + " " + path + ": injected fault at operation " + std::to_string(number)};
}

Result<std::unique_ptr<ReadableFile>> FaultDisk::open_read(const std::string& path) {
  COFFER_TRY(step("open", path));
  COFFER_ASSIGN(std::unique_ptr<ReadableFile> file, base_.open_read(path));
  return std::unique_ptr<ReadableFile>(std::make_unique<File>(*this, path, std::move(file)));
}

Result<std::unique_ptr<ReadableFile>> FaultDisk::open_read_itself(const std::string& path) {
  COFFER_TRY(step("open", path));
  COFFER_ASSIGN(std::unique_ptr<ReadableFile> file, base_.open_read_itself(path));
  return std::unique_ptr<ReadableFile>(std::make_unique<File>(*this, path, std::move(file)));
}

Result<std::unique_ptr<WritableFile>> FaultDisk::open_write(const std::string& path) {
  COFFER_TRY(step("open", path));
  COFFER_ASSIGN(std::unique_ptr<WritableFile> file, base_.open_write(path));
  return std::unique_ptr<WritableFile>(std::make_unique<File>(*this, path, std::move(file)));
}

Result<std::unique_ptr<WritableFile>> FaultDisk::create(const std::string& path, uint32_t mode) {
  COFFER_TRY(step("create", path));
  COFFER_ASSIGN(std::unique_ptr<WritableFile> file, base_.create(path, mode));
  return std::unique_ptr<WritableFile>(std::make_unique<File>(*this, path, std::move(file)));
}

Status FaultDisk::rename(const std::string& from, const std::string& to) {
  COFFER_TRY(step("rename", from));
  return base_.rename(from, to);
}

Status FaultDisk::link(const std::string& existing, const std::string& path) {
  COFFER_TRY(step("link", path));
  return base_.link(existing, path);
}

Status FaultDisk::remove(const std::string& path) {
  COFFER_TRY(step("remove", path));
  return base_.remove(path);
}

Status FaultDisk::sync_directory(const std::string& path) {
  COFFER_TRY(step("sync the directory", path));
  return base_.sync_directory(path);
}

Status FaultDisk::sync_all(const std::string& path) {
  COFFER_TRY(step("sync the file system of", path));
  return base_.sync_all(path);
}

Status FaultDisk::make_directory(const std::string& path, uint32_t mode) {
  COFFER_TRY(step("make the directory", path));
  return base_.make_directory(path, mode);
}

Result<std::vector<DirectoryEntry>> FaultDisk::list(const std::string& path) {
  COFFER_TRY(step("list", path));
  return base_.list(path);
}

Result<FileInfo> FaultDisk::info(const std::string& path) {
  COFFER_TRY(step("stat", path));
  return base_.info(path);
}

Result<std::string> FaultDisk::canonical(const std::string& path) {
  COFFER_TRY(step("resolve", path));
  return base_.canonical(path);
}

Result<std::string> FaultDisk::link_target(const std::string& path) {
  COFFER_TRY(step("read the link", path));
  return base_.link_target(path);
}

Result<std::unique_ptr<FileLock>> FaultDisk::lock(const std::string& path, bool wait) {
  COFFER_TRY(step("lock", path));
  return base_.lock(path, wait);
}

}  // namespace coffer
