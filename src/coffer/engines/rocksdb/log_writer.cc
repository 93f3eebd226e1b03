// Writing `log` files.
#include <algorithm>
#include <optional>

#include "coffer/engines/rocksdb/file_name.h"
#include "coffer/engines/rocksdb/writable_file.h"

namespace coffer::rocks {
namespace {

// Append() and Sync() may run on two threads at once, as RocksDB does with its write-ahead log; they share two numbers.
class LogWriter final : public GrowingFile {
 public:
  LogWriter(std::string path, std::unique_ptr<BaseWriter> base, FileKey file_key, const LogParams& params,
            const LogPosition& start, bool reopened, const ::rocksdb::FileOptions& options)
      : GrowingFile(std::move(path), std::move(base), params.file_id, options),
        ends_cleanly_(must_end_cleanly(path_)),
        file_key_(std::move(file_key)),
        params_(params),
        next_(start),
        // A reopened file was closed once, or crashed: only a session that follows owes it a clean close.
        owes_close_(!reopened),
        must_sync_first_(reopened) {}
  ~LogWriter() override { close_in_destructor(); }

  // The header of a new file, to go out with the first data.
  void put_header(ByteView envelope) { out_.append(envelope); }

  bool IsSyncThreadSafe() const override { return !ends_cleanly_ && base_->file().IsSyncThreadSafe(); }

 protected:
  IOStatus append(ByteView data, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus sync(bool full, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus finish(const IOOptions& options, IODebugContext* dbg) override;
  uint64_t logical_size() const override { return sealer_ ? sealer_->logical_size() : next_.logical_offset; }
  uint64_t physical_offset(uint64_t offset) const override;

 private:
  IOStatus begin_session(const IOOptions& options, IODebugContext* dbg);
  IOStatus end_session(const IOOptions& options, IODebugContext* dbg);
  IOStatus put(const Status& sealed, const IOOptions& options, IODebugContext* dbg);
  IOStatus sync_base(bool full, const IOOptions& options, IODebugContext* dbg);

  const bool ends_cleanly_;
  const FileKey file_key_;
  const LogParams params_;
  std::optional<LogSealer> sealer_;  // while a session is open
  LogPosition next_;                 // where the next session starts, while none is open
  bool owes_close_;
  bool must_sync_first_;
  bool was_synced_ = false;
  Buffer out_;

  std::atomic<uint64_t> written_upto_{0};  // handed to the base file, as a whole
  std::atomic<uint64_t> durable_upto_{0};
};

IOStatus LogWriter::append(ByteView data, const IOOptions& options, IODebugContext* dbg) {
  if (!sealer_) COFFER_IO_TRY(begin_session(options, dbg));
  return put(sealer_->append(data, durable_upto_.load(std::memory_order_acquire), out_), options, dbg);
}

IOStatus LogWriter::put(const Status& sealed, const IOOptions& options, IODebugContext* dbg) {
  COFFER_IO_TRY(write(sealed, out_, options, dbg));
  written_upto_.store(sealer_->offset(), std::memory_order_release);
  return IOStatus::OK();
}

IOStatus LogWriter::begin_session(const IOOptions& options, IODebugContext* dbg) {
  if (must_sync_first_) {
    // The new session's frames will say that everything before them is durable.
    COFFER_IO_TRY(base_->sync(true, options, dbg));
    durable_upto_.store(next_.offset, std::memory_order_release);
    must_sync_first_ = false;
  }
  auto sealer = LogSealer::create(file_key_, params_, next_);
  if (!sealer.is_ok()) return to_io_status(sealer.status().with_context(path_), distrust_);
  sealer_.emplace(std::move(*sealer));
  owes_close_ = true;
  return IOStatus::OK();
}

IOStatus LogWriter::end_session(const IOOptions& options, IODebugContext* dbg) {
  if (!owes_close_) return IOStatus::OK();
  if (!sealer_) COFFER_IO_TRY(begin_session(options, dbg));
  COFFER_IO_TRY(put(sealer_->close(durable_upto_.load(std::memory_order_acquire), out_), options, dbg));
  next_ = {next_.session + 1, sealer_->offset(), sealer_->logical_size()};
  sealer_.reset();
  owes_close_ = false;
  return IOStatus::OK();
}

IOStatus LogWriter::sync_base(bool full, const IOOptions& options, IODebugContext* dbg) {
  const uint64_t written = written_upto_.load(std::memory_order_acquire);
  COFFER_IO_TRY(base_->sync(full, options, dbg));
  uint64_t durable = durable_upto_.load(std::memory_order_relaxed);
  while (durable < written &&
         !durable_upto_.compare_exchange_weak(durable, written, std::memory_order_release, std::memory_order_relaxed)) {
  }
  return IOStatus::OK();
}

IOStatus LogWriter::sync(bool full, const IOOptions& options, IODebugContext* dbg) {
  if (ends_cleanly_) {
    // RocksDB renames these files once they are synced and may never call Close: the clean close has to be durable now.
    // Whatever is appended later begins another session.
    COFFER_IO_TRY(end_session(options, dbg));
    was_synced_ = true;
  }
  return sync_base(full, options, dbg);
}

IOStatus LogWriter::finish(const IOOptions& options, IODebugContext* dbg) {
  const bool owed = owes_close_;
  COFFER_IO_TRY(end_session(options, dbg));
  if (owed && ends_cleanly_ && was_synced_) return sync_base(false, options, dbg);
  return IOStatus::OK();
}

uint64_t LogWriter::physical_offset(uint64_t offset) const {
  const uint64_t end = sealer_ ? sealer_->offset() : next_.offset + kLogSessionHeaderSize;
  const uint64_t size = logical_size();
  // Behind us frames take at least a byte for a byte; ahead, one more frame is what an append costs.
  return offset <= size ? end - std::min(end, size - offset) : end + (offset - size) + kLogFrameOverhead;
}

}  // namespace

IOStatus create_log(std::string path, std::unique_ptr<BaseWriter> base, NewFile header, Header state,
                    const ::rocksdb::FileOptions& options, std::unique_ptr<::rocksdb::FSWritableFile>* result) {
  const LogParams params{header.fields.suite, header.fields.file_id};
  auto log = std::make_unique<LogWriter>(std::move(path), std::move(base), std::move(header.file_key), params,
                                         LogPosition{0, kEnvelopeSize, 0}, false, options);
  if (state == Header::kToBeWritten) log->put_header(header.envelope);
  *result = std::move(log);
  return IOStatus::OK();
}

IOStatus reopen_log(std::string path, std::unique_ptr<BaseWriter> base, OpenedFile opened, const LogPosition& position,
                    const ::rocksdb::FileOptions& options, std::unique_ptr<::rocksdb::FSWritableFile>* result) {
  const LogParams params{opened.fields.suite, opened.fields.file_id};
  result->reset(
      new LogWriter(std::move(path), std::move(base), std::move(opened.file_key), params, position, true, options));
  return IOStatus::OK();
}

}  // namespace coffer::rocks
