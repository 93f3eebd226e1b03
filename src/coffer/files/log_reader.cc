#include "coffer/files/log_reader.h"

#include <algorithm>

#include "coffer/base/check.h"

namespace coffer {
namespace {

constexpr size_t kReadSize = 256 * 1024;
// Plaintext between two places of the index, and what a random read takes from the file at a time.
constexpr uint64_t kIndexStep = 64 * 1024;
constexpr size_t kIndexedReadSize = kIndexStep + kIndexStep / 2;

}  // namespace

Result<uint64_t> measure_log(std::shared_ptr<const ReadableFile> file, const LogParams& params) {
  LogCursor cursor(std::move(file), LogOpener::without_key(params), kReadSize);
  COFFER_TRY(cursor.next().status());
  return cursor.opener().logical_size();
}

LogReader::LogReader(std::shared_ptr<const ReadableFile> file, const LogOpener& start)
    : file_(file), start_(start), cursor_(std::move(file), start, kReadSize) {}

Result<LogReader> LogReader::create(std::shared_ptr<const ReadableFile> file, const FileKey& file_key,
                                    const LogParams& params) {
  COFFER_ASSIGN(LogOpener start, LogOpener::create(file_key, params));
  return LogReader(std::move(file), start);
}

Result<ByteView> LogReader::next() {
  if (!pending_.empty()) return std::exchange(pending_, ByteView());
  return cursor_.next();
}

Result<size_t> LogReader::read(MutableBytes out) {
  size_t copied = 0;
  while (copied < out.size()) {
    if (pending_.empty()) {
      Result<ByteView> frame = cursor_.next();
      if (!frame.is_ok()) {
        // Fewer bytes than asked for would pass for the end of the log.
        stash_.assign(out.begin(), out.begin() + static_cast<ptrdiff_t>(copied));
        pending_ = stash_;
        return frame.status();
      }
      if (frame->empty()) break;
      pending_ = *frame;
    }
    size_t count = std::min(pending_.size(), out.size() - copied);
    std::copy_n(pending_.begin(), count, out.begin() + static_cast<ptrdiff_t>(copied));
    pending_ = pending_.subspan(count);
    copied += count;
  }
  return copied;
}

Result<uint64_t> LogReader::skip(uint64_t count) {
  uint64_t skipped = 0;
  while (skipped < count) {
    if (pending_.empty()) {
      COFFER_ASSIGN(pending_, cursor_.next());
      if (pending_.empty()) break;
    }
    size_t piece = static_cast<size_t>(std::min<uint64_t>(pending_.size(), count - skipped));
    pending_ = pending_.subspan(piece);
    skipped += piece;
  }
  return skipped;
}

LogEnd LogReader::end_of(const LogCursor& cursor) {
  const LogOpener& opener = cursor.opener();
  return {opener.closed(), cursor.torn_bytes(), opener.logical_size(), opener.append_position()};
}

LogEnd LogReader::end() const {
  COFFER_REQUIRE(cursor_.at_end() && pending_.empty(), "a log's end is known once it was read up to there");
  return end_of(cursor_);
}

Result<LogEnd> LogReader::measure() const {
  LogCursor cursor(file_, start_, kReadSize);
  for (;;) {
    COFFER_ASSIGN(ByteView frame, cursor.next());
    if (frame.empty()) return end_of(cursor);
  }
}

Result<uint64_t> LogReader::logical_size() const {
  COFFER_ASSIGN(LogEnd end, measure());
  return end.logical_size;
}

Status LogReader::build_index() {
  if (!index_cursor_) {
    index_cursor_.emplace(file_, start_, kReadSize);
    index_.push_back(start_);
  }
  for (;;) {
    if (index_cursor_->opener().logical_size() - index_.back().logical_size() >= kIndexStep) {
      index_.push_back(index_cursor_->opener());
    }
    auto frame = index_cursor_->next();
    if (!frame.is_ok()) return frame.status();
    indexed_size_ = index_cursor_->opener().logical_size();
    if (frame->empty()) return Status::ok();
  }
}

Result<size_t> LogReader::read_at(uint64_t logical_offset, MutableBytes out) const {
  if (logical_offset >= indexed_size_ || out.empty()) return size_t{0};
  size_t wanted = static_cast<size_t>(std::min<uint64_t>(out.size(), indexed_size_ - logical_offset));
  auto after = std::upper_bound(index_.begin(), index_.end(), logical_offset,
                                [](uint64_t offset, const LogOpener& place) { return offset < place.logical_size(); });
  LogCursor cursor(file_, *std::prev(after), kIndexedReadSize);
  size_t copied = 0;
  while (copied < wanted) {
    COFFER_ASSIGN(ByteView frame, cursor.next());
    if (frame.empty()) {
      return {Code::kDamaged, "the log ends at offset " + std::to_string(cursor.opener().position()) +
                                  ", before what could be read when its index was built"};
    }
    uint64_t begin = cursor.opener().logical_size() - frame.size();
    uint64_t skip = logical_offset + copied - begin;
    if (skip >= frame.size()) continue;
    size_t count = std::min(frame.size() - static_cast<size_t>(skip), wanted - copied);
    std::copy_n(frame.begin() + static_cast<ptrdiff_t>(skip), count, out.begin() + static_cast<ptrdiff_t>(copied));
    copied += count;
  }
  return copied;
}

}  // namespace coffer
