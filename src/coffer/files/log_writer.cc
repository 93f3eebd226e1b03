#include "coffer/files/log_writer.h"

#include <algorithm>

namespace coffer {

LogWriter::LogWriter(const Key& key, const LogParams& params, const LogPosition& start, ByteView head,
                     bool ends_cleanly)
    : FileWriter(params.file_id, head),
      KeyHolder(key.lease, key.header.fields),
      ends_cleanly_(ends_cleanly),
      file_key_(key.file_key),
      header_(key.header),
      params_(params),
      next_(start),
      // A reopened file was closed once, or crashed: only a session that follows owes it a clean close.
      owes_close_(!head.empty()),
      must_sync_first_(head.empty()) {
  enroll();
}

Status LogWriter::append_data(ByteView data, AppendFile& file) {
  return put(file, [&] { return sealer_->append(data, durable_upto_.load(std::memory_order_acquire), out_); });
}

// Nothing was sealed, and nothing is lost, where the key cannot be had: the next call may find it.
template <class Seal>
Status LogWriter::put(AppendFile& file, const Seal& seal) {
  for (;;) {
    leave_session_if_resumed();
    if (!sealer_) COFFER_TRY(begin_session(file));
    Status sealed;
    bool was_called = false;
    COFFER_TRY(with_key([&] {
      // Its session may have been left when the key was got again.
      was_called = sealer_.has_value();
      if (was_called) sealed = seal();
      return Status::ok();
    }));
    if (!was_called) continue;
    COFFER_TRY(write(sealed, file));
    written_upto_.store(sealer_->offset(), std::memory_order_release);
    return Status::ok();
  }
}

Status LogWriter::begin_session(AppendFile& file) {
  if (must_sync_first_) {
    // The new session's frames will say that everything before them is durable.
    COFFER_TRY(sync_file(true, file));
    durable_upto_.store(next_.offset, std::memory_order_release);
    must_sync_first_ = false;
  }
  COFFER_TRY(with_key([&]() -> Status {
    COFFER_ASSIGN(const FileKey file_key, file_key_.open());
    COFFER_ASSIGN(LogSealer sealer, LogSealer::create(file_key, params_, next_));
    sealer_.emplace(std::move(sealer));
    return Status::ok();
  }));
  owes_close_ = true;
  return Status::ok();
}

void LogWriter::leave_session() {
  next_ = {next_.session + 1, sealer_->offset(), sealer_->logical_size()};
  sealer_.reset();
}

void LogWriter::leave_session_if_resumed() {
  if (!clocks_.happened() || !sealer_) return;
  const auto lock = keys_stay();
  leave_session();
  must_sync_first_ = true;
}

Status LogWriter::end_session(AppendFile& file) {
  if (!owes_close_) return Status::ok();
  COFFER_TRY(put(file, [&] { return sealer_->close(durable_upto_.load(std::memory_order_acquire), out_); }));
  const auto lock = keys_stay();
  leave_session();
  owes_close_ = false;
  return Status::ok();
}

Status LogWriter::restore_keys(const FileKey& file_key) {
  COFFER_ASSIGN(file_key_, RestingKey<FileRole>::seal(file_key));
  if (!sealer_) return Status::ok();
  // Without its clean close, as after a crash: whether its frames are durable is not known here.
  leave_session();
  must_sync_first_ = true;
  return Status::ok();
}

void LogWriter::drop_keys() {
  file_key_ = {};
  if (sealer_) sealer_->drop_key();
}

Status LogWriter::sync_written(bool full, AppendFile& file) {
  const uint64_t written = written_upto_.load(std::memory_order_acquire);
  COFFER_TRY(sync_file(full, file));
  uint64_t durable = durable_upto_.load(std::memory_order_relaxed);
  while (durable < written &&
         !durable_upto_.compare_exchange_weak(durable, written, std::memory_order_release, std::memory_order_relaxed)) {
  }
  return Status::ok();
}

Status LogWriter::sync_data(bool full, AppendFile& file) {
  if (ends_cleanly_) {
    // Engines rename these files once they are synced and may never close them: the clean close has to be durable now.
    // Whatever is appended later begins another session.
    COFFER_TRY(end_session(file));
    was_synced_ = true;
  }
  return sync_written(full, file);
}

Status LogWriter::finish(AppendFile& file) {
  const bool owed = owes_close_;
  COFFER_TRY(end_session(file));
  if (owed && ends_cleanly_ && was_synced_) return sync_written(false, file);
  return Status::ok();
}

uint64_t LogWriter::physical_offset(uint64_t offset) const {
  const uint64_t end = sealer_ ? sealer_->offset() : next_.offset + kLogSessionHeaderSize;
  const uint64_t size = logical_size();
  // Behind us frames take at least a byte for a byte; ahead, one more frame is what an append costs.
  return offset <= size ? end - std::min(end, size - offset) : end + (offset - size) + kLogFrameOverhead;
}

}  // namespace coffer
