#include "coffer/engines/rocksdb/writable_file.h"

#include <algorithm>
#include <cstring>

#include "coffer/base/check.h"
#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"

namespace coffer::rocks {
namespace {

ByteView bytes_of(const Slice& slice) { return {reinterpret_cast<const uint8_t*>(slice.data()), slice.size()}; }
Slice as_slice(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

}  // namespace

// The base file, lent to the writer for one call of RocksDB's. Keeps what the base said: RocksDB goes by more of it
// than its code.
class WritableFile::Call final : public AppendFile {
 public:
  Call(WritableFile& file, const IOOptions& options, IODebugContext* dbg) : file_(file), options_(options), dbg_(dbg) {}

  Status append(ByteView bytes) override { return keep(file_.base_->append(bytes, options_, dbg_)); }
  Status sync(bool full) override { return keep(file_.base_->sync(full, options_, dbg_)); }
  Status truncate(uint64_t size) override { return keep(file_.base_->file().Truncate(size, options_, dbg_)); }
  Status close() override { return keep(file_.base_->close(options_, dbg_)); }
  Status replace_slots(const Id& file_id, std::span<const SlotUpdate> slots, bool durable) override {
    return keep(rewrite(file_id, slots, durable));
  }

  IOStatus tell(const Status& status) const {
    if (status.is_ok()) return IOStatus::OK();
    return failure_.ok() ? to_io_status(status.with_context(file_.path_), file_.distrust_) : failure_;
  }

 private:
  Status keep(const IOStatus& status) {
    if (status.ok()) return Status::ok();
    if (failure_.ok()) failure_ = status;
    return from_io_status(status);
  }

  // A file of RocksDB's that is written front to back cannot be written elsewhere, so this opens another one, by name.
  // That name may have gone to another file meanwhile: the info log's does when it is rolled.
  IOStatus rewrite(const Id& file_id, std::span<const SlotUpdate> slots, bool durable) {
    std::unique_ptr<::rocksdb::FSRandomRWFile> head;
    IOStatus opened = file_.context_.base->NewRandomRWFile(file_.path_, ::rocksdb::FileOptions(), &head, dbg_);
    // A base that cannot, or a file that was deleted or renamed while it was open.
    if (opened.IsNotSupported() || opened.IsNotFound() || opened.IsPathNotFound()) return IOStatus::OK();
    COFFER_IO_TRY(opened);
    Id found;
    Slice read;
    COFFER_IO_TRY(head->Read(kFileIdOffset, found.bytes.size(), options_, &read,
                             reinterpret_cast<char*>(found.bytes.data()), dbg_));
    if (!std::ranges::equal(bytes_of(read), file_id.view())) return head->Close(options_, dbg_);
    for (const SlotUpdate& slot : slots) {
      COFFER_IO_TRY(head->Write(slot.offset, as_slice(slot.bytes), options_, dbg_));
    }
    if (durable) COFFER_IO_TRY(head->Sync(options_, dbg_));
    return head->Close(options_, dbg_);
  }

  WritableFile& file_;
  const IOOptions& options_;
  IODebugContext* const dbg_;
  IOStatus failure_;
};

template <class Body>
IOStatus WritableFile::call(const IOOptions& options, IODebugContext* dbg, const Body& body) {
  return guarded([&] {
    if (copy_target_ != nullptr) copy_target_.reset();
    Call lent(*this, options, dbg);
    return lent.tell(body(lent));
  });
}

WritableFile::WritableFile(const Context& context, std::string path, std::unique_ptr<BaseWriter> base,
                           std::unique_ptr<FileWriter> writer, const ::rocksdb::FileOptions& options)
    : FSWritableFile(options),
      context_(context),
      path_(std::move(path)),
      distrust_(distrust_of(path_)),
      base_(std::move(base)),
      writer_(std::move(writer)) {}

void WritableFile::await_copy_source() {
  copy_target_ = std::make_shared<CopyTarget>(CopyTarget{this, path_});
  set_copy_target(copy_target_);
}

void WritableFile::begin_again(std::unique_ptr<FileWriter> writer) {
  COFFER_REQUIRE(writer_->logical_size() == 0, "a file begins again before anything is written to it");
  writer_ = std::move(writer);
}

IOStatus WritableFile::Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) {
  return call(options, dbg, [&](AppendFile& file) { return writer_->append(bytes_of(data), file); });
}

IOStatus WritableFile::Append(const Slice& data, const IOOptions& options, const ::rocksdb::DataVerificationInfo& info,
                              IODebugContext* dbg) {
  // RocksDB's checksum covers the plaintext, so it is of no use below; here is its last chance to find a flipped bit.
  const ByteView expected = bytes_of(info.checksum);
  if (expected.size() == sizeof(uint32_t) && load_le32(expected.data()) != crc32c(bytes_of(data))) {
    return IOStatus::Corruption(path_, "the data to be written does not fit its checksum");
  }
  return Append(data, options, dbg);
}

IOStatus WritableFile::PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                                        IODebugContext* dbg) {
  if (offset != writer_->logical_size())
    return IOStatus::NotSupported(path_, "PositionedAppend elsewhere than at the end");
  return Append(data, options, dbg);
}

IOStatus WritableFile::PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                                        const ::rocksdb::DataVerificationInfo& info, IODebugContext* dbg) {
  if (offset != writer_->logical_size())
    return IOStatus::NotSupported(path_, "PositionedAppend elsewhere than at the end");
  return Append(data, options, info, dbg);
}

IOStatus WritableFile::Truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg) {
  return call(options, dbg, [&](AppendFile& file) { return writer_->truncate(size, file); });
}

IOStatus WritableFile::sync(bool full, const IOOptions& options, IODebugContext* dbg) {
  return call(options, dbg, [&](AppendFile& file) { return writer_->sync(full, file); });
}

IOStatus WritableFile::Close(const IOOptions& options, IODebugContext* dbg) {
  return call(options, dbg, [&](AppendFile& file) { return writer_->close(file); });
}

IOStatus WritableFile::settle_head(const IOOptions& options, IODebugContext* dbg) {
  return call(options, dbg, [&](AppendFile& file) { return writer_->settle_head(file); });
}

size_t WritableFile::GetUniqueId(char* id, size_t max_size) const {
  const ByteView bytes = writer_->file_id().view();
  if (max_size < bytes.size()) return 0;
  std::memcpy(id, bytes.data(), bytes.size());
  return bytes.size();
}

void WritableFile::SetIOPriority(::rocksdb::Env::IOPriority priority) {
  io_priority_ = priority;
  base_->file().SetIOPriority(priority);
}

void WritableFile::SetWriteLifeTimeHint(::rocksdb::Env::WriteLifeTimeHint hint) {
  write_hint_ = hint;
  base_->file().SetWriteLifeTimeHint(hint);
}

IOStatus WritableFile::InvalidateCache(size_t offset, size_t length) {
  const uint64_t begin = offset == 0 ? 0 : writer_->physical_offset(offset);
  const uint64_t end = length == 0 ? begin : writer_->physical_offset(offset + length);
  return base_->file().InvalidateCache(begin, end - begin);
}

IOStatus WritableFile::RangeSync(uint64_t offset, uint64_t size, const IOOptions& options, IODebugContext* dbg) {
  // RocksDB asks for ranges that follow each other, so nothing is left out between what was asked for before and now.
  const uint64_t end = writer_->physical_offset(offset + size);
  if (end <= range_synced_ || base_->direct()) return IOStatus::OK();
  const uint64_t begin = range_synced_;
  range_synced_ = end;
  return base_->file().RangeSync(begin, end - begin, options, dbg);
}

void WritableFile::PrepareWrite(size_t offset, size_t size, const IOOptions& options, IODebugContext* dbg) {
  const uint64_t begin = writer_->physical_offset(offset);
  base_->file().PrepareWrite(begin, writer_->physical_offset(offset + size) - begin, options, dbg);
}

IOStatus WritableFile::Allocate(uint64_t offset, uint64_t size, const IOOptions& options, IODebugContext* dbg) {
  const uint64_t begin = writer_->physical_offset(offset);
  return base_->file().Allocate(begin, writer_->physical_offset(offset + size) - begin, options, dbg);
}

}  // namespace coffer::rocks
