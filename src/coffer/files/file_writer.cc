#include "coffer/files/file_writer.h"

#include <algorithm>
#include <utility>

namespace coffer {
namespace {

// Counted in portions: what threads share costs more than to seal a short record.
constexpr uint64_t kCountedAtOnce = uint64_t{256} << 10;

}  // namespace

Status FileWriter::append(ByteView data, AppendFile& file) {
  if (closed_) return {Code::kIo, "append after close"};
  if (failed_) return {Code::kIo, "an earlier write or sync failed"};
  if (data.empty()) return Status::ok();
  uncounted_ += data.size();
  if (uncounted_ >= kCountedAtOnce) count();
  return append_data(data, file);
}

void FileWriter::count() {
  if (counter_ != nullptr) counter_->wrote(uncounted_);
  uncounted_ = 0;
}

void FileWriter::be_listed(std::shared_ptr<GrowingFile> listing, uint64_t size, uint64_t floor) {
  listing_ = std::move(listing);
  disk_size_ = size;
  disk_floor_ = floor;
  grew(0);
}

void FileWriter::grew(uint64_t bytes) {
  disk_size_ += bytes;
  if (listing_ != nullptr) listing_->reached(std::max(disk_size_, disk_floor_));
}

void FileWriter::was_cut(uint64_t physical_size) {
  disk_size_ = physical_size;
  disk_floor_ = 0;
  grew(0);
}

Status FileWriter::sync(bool full, AppendFile& file) {
  if (failed_) return {Code::kIo, "an earlier write or sync failed"};
  return sync_and_tell(full, file);
}

Status FileWriter::sync_and_tell(bool full, AppendFile& file) {
  COFFER_TRY(sync_data(full, file));
  if (watch_ != nullptr) watch_->reached(durable_offset());
  return Status::ok();
}

Status FileWriter::truncate(uint64_t size, AppendFile& file) {
  if (size == logical_size()) return Status::ok();
  COFFER_TRY(truncate_data(size, file));
  was_cut(physical_offset(size));
  return Status::ok();
}

Status FileWriter::truncate_data(uint64_t size, AppendFile&) {
  return {Code::kUnsupported, "an encrypted file cannot be cut from " + std::to_string(logical_size()) + " to " +
                                  std::to_string(size) + " bytes"};
}

Status FileWriter::close(AppendFile& file) {
  if (closed_) return Status::ok();
  closed_ = true;
  count();
  Status finished = failed_ ? Status::ok() : finish(file);
  if (finished.is_ok() && !failed_ && watch_ != nullptr && watch_->wants_sync_at_close()) {
    finished = sync_and_tell(false, file);
  }
  Status closed = file.close();
  if (watch_ != nullptr) watch_->close();
  COFFER_TRY(finished);
  COFFER_TRY(closed);
  return failed_ ? Status::ok() : after_close(file);
}

Status FileWriter::settle_head(AppendFile& file) {
  recycled_ = true;
  COFFER_TRY(write(Status::ok(), file));
  return sync_file(false, file);
}

Status FileWriter::write(const Status& sealed, AppendFile& file) {
  Status status = sealed;
  const size_t size = out_.size();
  if (status.is_ok() && size > 0) status = write_out(file);
  if (size > 0) use_ = nullptr;
  if (status.is_ok()) grew(size);
  out_.clear();
  return fail(std::move(status));
}

Status FileWriter::write_out(AppendFile& file) {
  const size_t head_size = std::exchange(head_size_, 0);
  if (!head_syncs_first_ || head_size == 0 || out_.size() == head_size) return file.append(out_.view());
  COFFER_TRY(file.append(out_.view().first(head_size)));
  COFFER_TRY(file.sync(false));
  return file.append(out_.view().subspan(head_size));
}

// The kernel may have dropped what it could not write, and would call the next sync a success: whatever is written from
// here on could testify that those bytes were durable.
Status FileWriter::sync_file(bool full, AppendFile& file) { return fail(file.sync(full)); }

Status FileWriter::fail(Status status) {
  if (!status.is_ok()) failed_ = true;
  return status;
}

}  // namespace coffer
