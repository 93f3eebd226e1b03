#include "coffer/engines/rocksdb/writable_file.h"

#include <cstring>

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "coffer/engines/rocksdb/file_name.h"

namespace coffer::rocks {
namespace {

ByteView bytes_of(const Slice& slice) { return {reinterpret_cast<const uint8_t*>(slice.data()), slice.size()}; }

}  // namespace

IOStatus GrowingFile::Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) {
  return guarded([&] {
    if (closed_) return IOStatus::IOError(path_, "append after close");
    if (failed_) return IOStatus::IOError(path_, "an earlier write or sync failed");
    return append(bytes_of(data), options, dbg);
  });
}

IOStatus GrowingFile::Append(const Slice& data, const IOOptions& options, const ::rocksdb::DataVerificationInfo& info,
                             IODebugContext* dbg) {
  // RocksDB's checksum covers the plaintext, so it is of no use below; here is its last chance to find a flipped bit.
  const ByteView expected = bytes_of(info.checksum);
  if (expected.size() == sizeof(uint32_t) && load_le32(expected.data()) != crc32c(bytes_of(data))) {
    return IOStatus::Corruption(path_, "the data to be written does not fit its checksum");
  }
  return Append(data, options, dbg);
}

IOStatus GrowingFile::PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                                       IODebugContext* dbg) {
  if (offset != logical_size()) return IOStatus::NotSupported(path_, "PositionedAppend elsewhere than at the end");
  return Append(data, options, dbg);
}

IOStatus GrowingFile::PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                                       const ::rocksdb::DataVerificationInfo& info, IODebugContext* dbg) {
  if (offset != logical_size()) return IOStatus::NotSupported(path_, "PositionedAppend elsewhere than at the end");
  return Append(data, options, info, dbg);
}

IOStatus GrowingFile::Truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg) {
  if (size == logical_size()) return IOStatus::OK();
  return guarded([&] { return truncate(size, options, dbg); });
}

IOStatus GrowingFile::truncate(uint64_t size, const IOOptions&, IODebugContext*) {
  return IOStatus::NotSupported(path_, "an encrypted file cannot be cut from " + std::to_string(logical_size()) +
                                           " to " + std::to_string(size) + " bytes");
}

IOStatus GrowingFile::sync_once(bool full, const IOOptions& options, IODebugContext* dbg) {
  if (failed_) return IOStatus::IOError(path_, "an earlier write or sync failed");
  IOStatus status = guarded([&] { return sync(full, options, dbg); });
  // The kernel may have dropped what it could not write, and would call the next sync a success: whatever is written
  // from here on could testify that those bytes were durable.
  if (!status.ok()) failed_ = true;
  return status;
}

IOStatus GrowingFile::Close(const IOOptions& options, IODebugContext* dbg) {
  if (closed_) return IOStatus::OK();
  closed_ = true;
  return guarded([&] { return close_once(options, dbg); });
}

IOStatus GrowingFile::close_once(const IOOptions& options, IODebugContext* dbg) {
  IOStatus finished = failed_ ? IOStatus::OK() : finish(options, dbg);
  IOStatus closed = base_->close(options, dbg);
  if (!finished.ok()) return finished;
  COFFER_IO_TRY(closed);
  return failed_ ? IOStatus::OK() : after_close(options, dbg);
}

void GrowingFile::close_in_destructor() { Close(IOOptions(), nullptr).PermitUncheckedError(); }

IOStatus GrowingFile::write(const Status& sealed, Buffer& out, const IOOptions& options, IODebugContext* dbg) {
  IOStatus status = sealed.is_ok() ? IOStatus::OK() : to_io_status(sealed.with_context(path_), distrust_);
  if (status.ok() && !out.empty()) status = base_->append(out.view(), options, dbg);
  if (!status.ok()) failed_ = true;
  out.clear();
  return status;
}

size_t GrowingFile::GetUniqueId(char* id, size_t max_size) const {
  const ByteView bytes = file_id_.view();
  if (max_size < bytes.size()) return 0;
  std::memcpy(id, bytes.data(), bytes.size());
  return bytes.size();
}

void GrowingFile::SetIOPriority(::rocksdb::Env::IOPriority priority) {
  io_priority_ = priority;
  base_->file().SetIOPriority(priority);
}

void GrowingFile::SetWriteLifeTimeHint(::rocksdb::Env::WriteLifeTimeHint hint) {
  write_hint_ = hint;
  base_->file().SetWriteLifeTimeHint(hint);
}

IOStatus GrowingFile::InvalidateCache(size_t offset, size_t length) {
  const uint64_t begin = offset == 0 ? 0 : physical_offset(offset);
  const uint64_t end = length == 0 ? begin : physical_offset(offset + length);
  return base_->file().InvalidateCache(begin, end - begin);
}

IOStatus GrowingFile::RangeSync(uint64_t offset, uint64_t size, const IOOptions& options, IODebugContext* dbg) {
  // RocksDB asks for ranges that follow each other, so nothing is left out between what was asked for before and now.
  const uint64_t end = physical_offset(offset + size);
  if (end <= range_synced_ || base_->direct()) return IOStatus::OK();
  const uint64_t begin = range_synced_;
  range_synced_ = end;
  return base_->file().RangeSync(begin, end - begin, options, dbg);
}

void GrowingFile::PrepareWrite(size_t offset, size_t size, const IOOptions& options, IODebugContext* dbg) {
  const uint64_t begin = physical_offset(offset);
  base_->file().PrepareWrite(begin, physical_offset(offset + size) - begin, options, dbg);
}

IOStatus GrowingFile::Allocate(uint64_t offset, uint64_t size, const IOOptions& options, IODebugContext* dbg) {
  const uint64_t begin = physical_offset(offset);
  return base_->file().Allocate(begin, physical_offset(offset + size) - begin, options, dbg);
}

namespace {

class CompleteFile final : public GrowingFile {
 public:
  CompleteFile(std::string path, std::unique_ptr<BaseWriter> base, const ExistingFile& file, uint64_t size,
               const ::rocksdb::FileOptions& options)
      : GrowingFile(std::move(path), std::move(base), file.opened.fields.file_id, options),
        fields_(file.opened.fields),
        size_(size) {}
  ~CompleteFile() override { close_in_destructor(); }

  bool IsSyncThreadSafe() const override { return base_->file().IsSyncThreadSafe(); }

 protected:
  IOStatus append(ByteView, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotSupported(
        path_, "a finished file of kind " + std::string(kind_name(fields_.kind)) + " cannot be appended to");
  }
  IOStatus sync(bool full, const IOOptions& options, IODebugContext* dbg) override {
    return base_->sync(full, options, dbg);
  }
  IOStatus truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg) override {
    if (!is_trash(path_) || size > size_) return GrowingFile::truncate(size, options, dbg);
    COFFER_IO_TRY(base_->file().Truncate(physical_offset(size), options, dbg));
    size_ = size;
    return IOStatus::OK();
  }
  IOStatus finish(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  uint64_t logical_size() const override { return size_; }
  uint64_t physical_offset(uint64_t offset) const override {
    auto layout = BlocksLayout::create(fields_.chunk_log2);
    return fields_.kind == Kind::kBlocks && layout.is_ok() ? layout->physical_size(offset) : kEnvelopeSize + offset;
  }

 private:
  const EnvelopeFields fields_;
  uint64_t size_;
};

}  // namespace

IOStatus reopen_complete(std::string path, std::unique_ptr<BaseWriter> base, const ExistingFile& file,
                         uint64_t logical_size, const ::rocksdb::FileOptions& options,
                         std::unique_ptr<::rocksdb::FSWritableFile>* result) {
  result->reset(new CompleteFile(std::move(path), std::move(base), file, logical_size, options));
  return IOStatus::OK();
}

}  // namespace coffer::rocks
