// A file of a Disk as writers of files see one.
#pragma once

#include "coffer/files/file_writer.h"
#include "coffer/io/disk.h"

namespace coffer {

class DiskAppendFile : public AppendFile {
 public:
  virtual ~DiskAppendFile() = default;
  // Appends from `size` on. `disk` and `path` are for replace_slots().
  DiskAppendFile(Disk& disk, std::string path, std::unique_ptr<WritableFile> file, uint64_t size = 0)
      : disk_(disk), path_(std::move(path)), file_(std::move(file)), size_(size) {}

  Status append(ByteView bytes) override {
    COFFER_TRY(file_->write_at(size_, bytes));
    size_ += bytes.size();
    return Status::ok();
  }
  Status sync(bool) override { return file_->sync(); }
  Status truncate(uint64_t size) override {
    size_ = size;
    return file_->truncate(size);
  }
  Status close() override { return file_->close(); }
  Status replace_slots(const Id& file_id, std::span<const SlotUpdate> slots, bool durable) override {
    auto file = disk_.open_write(path_);
    if (file.code() == Code::kNotFound) return Status::ok();
    if (!file.is_ok()) return file.status();
    Id found;
    COFFER_ASSIGN(size_t count, (*file)->read_at(kFileIdOffset, found.bytes));
    if (count != found.bytes.size() || found != file_id) return (*file)->close();
    for (const SlotUpdate& slot : slots) COFFER_TRY((*file)->write_at(slot.offset, slot.bytes));
    if (durable) COFFER_TRY((*file)->sync());
    return (*file)->close();
  }

 protected:
  WritableFile& file() { return *file_; }
  uint64_t size() const { return size_; }

 private:
  Disk& disk_;
  std::string path_;
  std::unique_ptr<WritableFile> file_;
  uint64_t size_;
};

}  // namespace coffer
