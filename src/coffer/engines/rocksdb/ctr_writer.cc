// Writing `ctr` files.
#include "coffer/engines/rocksdb/writable_file.h"
#include "coffer/format/ctr.h"

namespace coffer::rocks {
namespace {

class CtrWriter final : public GrowingFile {
 public:
  CtrWriter(const Context& context, std::string path, std::unique_ptr<BaseWriter> base, NewFile header, Header state,
            CtrBody body, Gmac mac, const ::rocksdb::FileOptions& options)
      : GrowingFile(std::move(path), std::move(base), header.fields.file_id, options),
        context_(context),
        file_key_(std::move(header.file_key)),
        body_(std::move(body)),
        mac_(std::move(mac)) {
    if (state == Header::kToBeWritten) out_.append(header.envelope);
  }
  ~CtrWriter() override { close_in_destructor(); }

  bool IsSyncThreadSafe() const override { return !base_->direct() && base_->file().IsSyncThreadSafe(); }

 protected:
  IOStatus append(ByteView data, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus sync(bool full, const IOOptions& options, IODebugContext* dbg) override {
    COFFER_IO_TRY(base_->sync(full, options, dbg));
    was_synced_ = true;
    return IOStatus::OK();
  }
  IOStatus finish(const IOOptions& options, IODebugContext* dbg) override;
  IOStatus after_close(const IOOptions& options, IODebugContext* dbg) override;
  uint64_t logical_size() const override { return size_; }
  uint64_t physical_offset(uint64_t offset) const override { return kEnvelopeSize + offset; }

 private:
  const Context context_;
  const FileKey file_key_;
  const CtrBody body_;
  Gmac mac_;
  uint64_t size_ = 0;
  Buffer out_;
  std::atomic<bool> was_synced_{false};
};

IOStatus CtrWriter::append(ByteView data, const IOOptions& options, IODebugContext* dbg) {
  const size_t header_size = out_.size();
  uint8_t* sealed = out_.extend(data.size());
  Status status = body_.apply(size_, data, sealed);
  if (status.is_ok()) mac_.update(out_.view().subspan(header_size));
  COFFER_IO_TRY(write(status, out_, options, dbg));
  size_ += data.size();
  return IOStatus::OK();
}

IOStatus CtrWriter::finish(const IOOptions& options, IODebugContext* dbg) {
  COFFER_IO_TRY(write(Status::ok(), out_, options, dbg));
  // What an earlier life of a recycled file left behind would look like bytes of this one.
  return base_->direct() ? IOStatus::OK() : base_->file().Truncate(kEnvelopeSize + size_, options, dbg);
}

// Writes the body's MAC into the header, now that the file has its final size.
IOStatus CtrWriter::after_close(const IOOptions& options, IODebugContext* dbg) {
  std::unique_ptr<::rocksdb::FSRandomRWFile> file;
  IOStatus opened = context_.base->NewRandomRWFile(path_, ::rocksdb::FileOptions(), &file, dbg);
  // A base that cannot, or a file that was deleted or renamed while it was open, keeps a body without a MAC.
  if (opened.IsNotSupported() || opened.IsNotFound() || opened.IsPathNotFound()) return IOStatus::OK();
  COFFER_IO_TRY(opened);
  auto lock = context_.coffer->lock_envelopes();
  if (!lock.is_ok()) return to_io_status(lock.status(), distrust_);
  Buffer envelope(kEnvelopeSize);
  Slice read;
  COFFER_IO_TRY(
      file->Read(0, kEnvelopeSize, options, &read, reinterpret_cast<char*>(envelope.extend(kEnvelopeSize)), dbg));
  Bytes bytes(read.data(), read.data() + read.size());
  const auto mac = mac_.finish();
  // One slot, then the other: else damage to the first would make of this body one that was never sealed.
  for (int slot = 0; slot < 2; ++slot) {
    auto scan = scan_envelope(bytes);
    if (!scan.is_ok()) return to_io_status(scan.status().with_context(path_), distrust_);
    if (scan->current < 0 || scan->fields.file_id != file_id_) return IOStatus::OK();
    auto update = context_.coffer->close_ctr_body(*scan, file_key_, size_, mac);
    if (!update.is_ok()) return to_io_status(update.status().with_context(path_), distrust_);
    const Slice written(reinterpret_cast<const char*>(update->bytes.data()), update->bytes.size());
    COFFER_IO_TRY(file->Write(update->offset, written, options, dbg));
    std::ranges::copy(update->bytes, bytes.begin() + static_cast<ptrdiff_t>(update->offset));
  }
  if (was_synced_) COFFER_IO_TRY(file->Sync(options, dbg));
  return file->Close(options, dbg);
}

}  // namespace

IOStatus create_ctr(const Context& context, std::string path, std::unique_ptr<BaseWriter> base, NewFile header,
                    Header state, const ::rocksdb::FileOptions& options,
                    std::unique_ptr<::rocksdb::FSWritableFile>* result) {
  auto body = CtrBody::create(header.file_key, header.fields.suite, header.fields.file_id);
  auto mac = ctr_body_mac(header.file_key, header.fields.file_id);
  const Status& status = body.is_ok() ? mac.status() : body.status();
  if (!status.is_ok()) return to_io_status(status.with_context(path), distrust_of(path));
  result->reset(new CtrWriter(context, std::move(path), std::move(base), std::move(header), state, std::move(*body),
                              std::move(*mac), options));
  return IOStatus::OK();
}

}  // namespace coffer::rocks
