#include "coffer/engines/rocksdb/base_writer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "coffer/base/scratch.h"

namespace coffer::rocks {
namespace {

Slice as_slice(const uint8_t* data, size_t size) { return {reinterpret_cast<const char*>(data), size}; }

class BufferedWriter final : public BaseWriter {
 public:
  explicit BufferedWriter(std::unique_ptr<::rocksdb::FSWritableFile> file) : BaseWriter(std::move(file)) {}

  IOStatus append(ByteView bytes, const IOOptions& options, IODebugContext* dbg) override {
    return file_->Append(as_slice(bytes.data(), bytes.size()), options, dbg);
  }
  IOStatus sync(bool full, const IOOptions& options, IODebugContext* dbg) override {
    return full ? file_->Fsync(options, dbg) : file_->Sync(options, dbg);
  }
  IOStatus close(const IOOptions& options, IODebugContext* dbg) override { return file_->Close(options, dbg); }
  bool direct() const override { return false; }
};

// Whole blocks go to the file as they fill up; the rest, padded with zeros and cut off again, when the file is synced
// or closed. Appending after that writes the rest again: the same ciphertext, longer.
class DirectWriter final : public BaseWriter {
 public:
  explicit DirectWriter(std::unique_ptr<::rocksdb::FSWritableFile> file)
      : BaseWriter(std::move(file)),
        alignment_(file_->GetRequiredBufferAlignment()),
        capacity_((kBufferSize + alignment_ - 1) / alignment_ * alignment_) {
    void* memory = std::aligned_alloc(std::max<size_t>(alignment_, Scratch::kAlignment), capacity_);
    if (memory == nullptr) throw std::bad_alloc();
    buffer_.reset(static_cast<uint8_t*>(memory));
  }

  IOStatus append(ByteView bytes, const IOOptions& options, IODebugContext* dbg) override {
    while (!bytes.empty()) {
      const size_t count = std::min(bytes.size(), capacity_ - filled_);
      std::memcpy(buffer_.get() + filled_, bytes.data(), count);
      filled_ += count;
      bytes = bytes.subspan(count);
      dirty_ = true;
      if (filled_ == capacity_) COFFER_IO_TRY(write_whole_blocks(options, dbg));
    }
    return IOStatus::OK();
  }
  IOStatus sync(bool full, const IOOptions& options, IODebugContext* dbg) override {
    COFFER_IO_TRY(write_rest(options, dbg));
    return full ? file_->Fsync(options, dbg) : file_->Sync(options, dbg);
  }
  IOStatus close(const IOOptions& options, IODebugContext* dbg) override {
    IOStatus written = write_rest(options, dbg);
    IOStatus closed = file_->Close(options, dbg);
    return written.ok() ? closed : written;
  }
  bool direct() const override { return true; }

 private:
  static constexpr size_t kBufferSize = size_t{1} << 20;
  struct Free {
    void operator()(uint8_t* memory) const { std::free(memory); }
  };

  IOStatus write_whole_blocks(const IOOptions& options, IODebugContext* dbg) {
    const size_t whole = filled_ / alignment_ * alignment_;
    if (whole == 0) return IOStatus::OK();
    COFFER_IO_TRY(file_->PositionedAppend(as_slice(buffer_.get(), whole), offset_, options, dbg));
    offset_ += whole;
    filled_ -= whole;
    std::memmove(buffer_.get(), buffer_.get() + whole, filled_);
    return IOStatus::OK();
  }

  IOStatus write_rest(const IOOptions& options, IODebugContext* dbg) {
    if (!dirty_) return IOStatus::OK();
    COFFER_IO_TRY(write_whole_blocks(options, dbg));
    if (filled_ > 0) {
      std::memset(buffer_.get() + filled_, 0, alignment_ - filled_);
      COFFER_IO_TRY(file_->PositionedAppend(as_slice(buffer_.get(), alignment_), offset_, options, dbg));
    }
    COFFER_IO_TRY(file_->Truncate(offset_ + filled_, options, dbg));
    dirty_ = false;
    return IOStatus::OK();
  }

  const size_t alignment_;
  const size_t capacity_;
  std::unique_ptr<uint8_t, Free> buffer_;
  uint64_t offset_ = 0;  // of the buffer's first byte
  size_t filled_ = 0;
  bool dirty_ = false;  // something was appended since the rest was written
};

}  // namespace

::rocksdb::FileOptions BaseWriter::base_options(const ::rocksdb::FileOptions& options) {
  ::rocksdb::FileOptions base = options;
  base.use_mmap_writes = false;
  return base;
}

std::unique_ptr<BaseWriter> BaseWriter::create(std::unique_ptr<::rocksdb::FSWritableFile> file) {
  if (file->use_direct_io()) return std::make_unique<DirectWriter>(std::move(file));
  return std::make_unique<BufferedWriter>(std::move(file));
}

}  // namespace coffer::rocks
