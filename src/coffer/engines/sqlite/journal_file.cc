#include "coffer/engines/sqlite/journal_file.h"

#include <algorithm>

#include "coffer/base/codec.h"
#include "coffer/engines/sqlite/failure.h"

namespace coffer::sqlite {
namespace {

constexpr size_t kNumberSize = 4;
constexpr size_t kHeaderStartSize = 12;  // magic and count of records: what SQLite writes again when it syncs

// SQLite's number for "no page": the page that locks are in.
uint32_t name_mark(uint32_t page_size) { return 0x40000000U / page_size + 1; }
uint32_t load_number(ByteView bytes) { return __builtin_bswap32(load_le32(bytes.data())); }

}  // namespace

int JournalFile::fail(const Status& status) {
  const int result = failed(status, path());
  return status.code() == Code::kInvalidArgument ? SQLITE_IOERR_WRITE : result;
}

void JournalFile::forget() {
  pending_.clear();
  segments_.clear();
  piece_.clear();
  record_.clear();
  name_.clear();
}

JournalFile::Segment* JournalFile::segment_at(uint64_t offset) {
  const auto next = std::ranges::upper_bound(segments_, offset, {}, &Segment::offset);
  return next == segments_.begin() ? nullptr : &*std::prev(next);
}

int JournalFile::write_base(ByteView bytes, uint64_t offset) {
  head_.count(bytes.size());
  return File::write(bytes, kEnvelopeSize + offset);
}

int JournalFile::flush() {
  int result = SQLITE_OK;
  const Status status = pending_.write(head_, *this, kEnvelopeSize, &result,
                                   [&](SqliteSealing& sealing, uint64_t offset, MutableBytes record) {
                                     return seal_journal_record(sealing, life_, offset, record, record.data());
                                   });
  return status.is_ok() ? result : fail(status);
}

int JournalFile::write(ByteView bytes, uint64_t offset) {
  if (!piece_.empty() && offset == piece_offset_ + piece_.size()) return write_piece(bytes, offset);
  piece_.clear();
  const bool goes_on = bytes.size() == kNumberSize && offset == pending_.end();
  const int flushed = goes_on ? SQLITE_OK : flush();
  if (flushed != SQLITE_OK) return flushed;
  if (offset == 0 && bytes.size() == kJournalHeaderSize) return erase(offset);  // J3
  if (bytes.size() == 1) return erase(offset);
  if (bytes.size() >= kSqliteSectorSize) return write_header(bytes, offset);
  Segment* const segment = segment_at(offset);
  if (segment != nullptr && bytes.size() == kHeaderStartSize && offset == segment->offset) {
    return update_header(*segment, bytes);
  }
  if (segment != nullptr && bytes.size() == kNumberSize) return write_piece(bytes, offset);
  return fail({Code::kInternal, "SQLite writes what is no part of a journal"});
}

int JournalFile::erase(uint64_t offset) {
  const Status status = head_.look();
  if (!status.is_ok()) return fail(status);
  if (offset == 0) forget();
  if (!head_.has_key()) return SQLITE_OK;
  return write_base(Sector{}, offset);
}

int JournalFile::begin_life() {
  forget();
  growth().forget();
  Status status = head_.look();
  if (status.is_ok() && !head_.has_key()) status = head_.make();
  if (!status.is_ok()) return fail(status);
  const auto database_id = database_.file_id();
  if (!database_id.is_ok()) return fail(database_id.status());
  auto life = JournalLife::begin(*database_id);
  if (!life.is_ok()) return fail(life.status());
  life_ = *life;
  return SQLITE_OK;
}

// SQLite repeats a header that is shorter than a sector; the first says all.
int JournalFile::write_header(ByteView bytes, uint64_t offset) {
  const Segment* const before = segment_at(offset);
  if (offset > 0 && before != nullptr && offset < records_offset(*before)) {
    return write_base(Bytes(bytes.size(), 0), offset);
  }
  if (offset == 0) {
    const int result = begin_life();
    if (result != SQLITE_OK) return result;
  }
  Segment segment;
  segment.offset = offset;
  std::copy_n(bytes.begin(), kJournalHeaderSize, segment.header.bytes.begin());
  if (!is_sqlite_page_size(segment.header.page_size()) || (offset > 0 && before == nullptr)) {
    return fail({Code::kInvalidArgument, "a journal of pages that a database of Coffer's does not have"});
  }
  segments_.push_back(segment);
  const int result = seal_header(segments_.back());
  if (result != SQLITE_OK || bytes.size() == kSqliteSectorSize) return result;
  // The file has to be as long as SQLite has made it.
  return write_base(Bytes(bytes.size() - kSqliteSectorSize, 0), offset + kSqliteSectorSize);
}

int JournalFile::update_header(Segment& segment, ByteView start) {
  std::ranges::copy(start, segment.header.bytes.begin());
  segment.header.durable_count = segment.synced_count;  // J4
  return seal_header(segment);
}

int JournalFile::seal_header(const Segment& segment) {
  Sector sector;
  const Status status = head_.with_key([&](const SqliteKey& key) -> Status {
    COFFER_ASSIGN(SqliteSealing sealing, SqliteSealing::begin(key));
    return seal_journal_header(sealing, life_, segment.offset, segment.header, sector);
  });
  return status.is_ok() ? write_base(sector, segment.offset) : fail(status);
}

int JournalFile::write_piece(ByteView bytes, uint64_t offset) {
  if (piece_.empty()) piece_offset_ = offset;
  piece_.insert(piece_.end(), bytes.begin(), bytes.end());
  if (load_number(piece_) != name_mark(segments_.front().header.page_size())) {
    return piece_.size() < record_size() ? SQLITE_OK : write_record();
  }
  if (piece_.size() < kJournalNameExtra) return SQLITE_OK;
  const auto end = std::span<const uint8_t, 16>(std::span(piece_).last(16));
  return journal_name_record_size(end) == piece_.size() ? write_name() : SQLITE_OK;
}

int JournalFile::write_record() {
  Segment& segment = *segment_at(piece_offset_);
  const uint64_t index = (piece_offset_ - records_offset(segment)) / record_size();
  if (piece_.size() != record_size() || (piece_offset_ - records_offset(segment)) % record_size() != 0) {
    return fail({Code::kInternal, "SQLite writes what is no record of a journal"});
  }
  record_.clear();
  const int result = pending_.takes(piece_offset_, piece_.size()) ? SQLITE_OK : flush();
  if (result == SQLITE_OK) {
    std::ranges::copy(piece_, pending_.add(piece_offset_, piece_.size()).begin());
    segment.written_count = std::max(segment.written_count, static_cast<uint32_t>(index + 1));
  }
  piece_.clear();
  return result;
}

int JournalFile::write_name() {
  name_.swap(piece_);
  piece_.clear();
  name_offset_ = piece_offset_;
  Bytes sealed;
  const int flushed = flush();
  if (flushed != SQLITE_OK) return flushed;
  const Status status = head_.with_key([&](const SqliteKey& key) -> Status {
    COFFER_ASSIGN(SqliteSealing sealing, SqliteSealing::begin(key));
    COFFER_ASSIGN(sealed, seal_journal_name(sealing, life_, name_offset_, name_));
    return Status::ok();
  });
  return status.is_ok() ? write_base(sealed, name_offset_) : fail(status);
}

int JournalFile::sync(int flags) {
  int result = flush();
  if (result == SQLITE_OK) result = File::sync(flags);
  if (result != SQLITE_OK) return result;
  for (Segment& segment : segments_) segment.synced_count = segment.written_count;
  return result;
}

int JournalFile::truncate(uint64_t size) {
  const int flushed = flush();
  if (flushed != SQLITE_OK) return flushed;
  piece_.clear();
  record_.clear();
  const bool keeps_name = !name_.empty() && size == name_offset_ + name_.size();
  if (size == 0) forget();
  if (!keeps_name) name_.clear();
  // An envelope that is there stays: the next life is this file's again.
  const Status status = head_.look();
  if (!status.is_ok()) return fail(status);
  return File::truncate(head_.has_key() ? kEnvelopeSize + size + (keeps_name ? XaesSeal::kSize : 0) : 0);
}

}  // namespace coffer::sqlite
