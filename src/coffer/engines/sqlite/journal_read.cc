// What SQLite reads of a rollback journal: J2 to J6.
#include <algorithm>

#include "coffer/engines/sqlite/failure.h"
#include "coffer/engines/sqlite/journal_file.h"

namespace coffer::sqlite {

int JournalFile::size(uint64_t* size) {
  *size = 0;
  int result = flush();
  if (result != SQLITE_OK) return result;
  const Status status = head_.look();
  if (!status.is_ok()) return fail(status);
  // SQLite asks for the size, and for a name at the end, before it reads anything else.
  if (head_.has_key() && segments_.empty() && (result = probe(0)) != SQLITE_OK) return result;
  result = File::size(size);
  *size -= std::min<uint64_t>(*size, kEnvelopeSize);
  if (result != SQLITE_OK || *size == 0) return result;
  // A name that opens is at the end; its seal is no byte of SQLite's.
  if (!name_.empty()) *size -= std::min<uint64_t>(*size, XaesSeal::kSize);
  return result;
}

// Looks for a header where SQLite looks for one. Ok and no segment: there is none that SQLite would go on with.
int JournalFile::probe(uint64_t offset) {
  Sector sector{};
  const int result = File::read(sector, kEnvelopeSize + offset);
  if (result == SQLITE_IOERR_SHORT_READ) return SQLITE_OK;
  if (result != SQLITE_OK) return result;
  if (is_all_zero(sector)) return SQLITE_OK;
  JournalLife life = life_;
  if (offset == 0) {
    const auto database_id = database_.file_id();
    if (!database_id.is_ok()) return fail(database_id.status());
    life = {*database_id, journal_life(sector).salt};
  }
  std::optional<JournalHeader> header;
  const Status status = head_.with_key([&](const SqliteKey& key) {
    header = open_journal_header(key, life, offset, sector);
    return Status::ok();
  });
  if (!status.is_ok()) return fail(status);
  if (!header && offset > 0) return SQLITE_OK;  // of an earlier life, or not synced (J3)
  if (!header || !is_sqlite_page_size(header->page_size()) || header->sector_size() < kSqliteSectorSize) {
    return fail({Code::kTampered, "its header is not as it was written: damaged, altered, or of another database"});
  }
  if (offset == 0) {
    forget();
    life_ = life;
  }
  Segment segment;
  segment.offset = offset;
  segment.header = *header;
  segments_.push_back(segment);
  return offset == 0 ? find_name() : SQLITE_OK;
}

// A name that does not open was not written whole when a crash came: nothing had been committed with it (J5).
int JournalFile::find_name() {
  uint64_t size = 0;
  std::array<uint8_t, 16> end{};
  int result = File::size(&size);
  if (result != SQLITE_OK || size < kEnvelopeSize + kSqliteSectorSize) return result;
  if ((result = File::read(end, size - end.size())) != SQLITE_OK) return result;
  const size_t record_size = journal_name_record_size(end);
  const uint64_t sealed_size = record_size + XaesSeal::kSize;
  if (record_size == 0 || size < kEnvelopeSize + kSqliteSectorSize + sealed_size) return SQLITE_OK;
  Bytes sealed(sealed_size);
  const uint64_t offset = size - sealed_size - kEnvelopeSize;
  if ((result = File::read(sealed, kEnvelopeSize + offset)) != SQLITE_OK) return result;
  const Status status = head_.with_key([&](const SqliteKey& key) {
    auto record = open_journal_name(key, life_, offset, sealed);
    if (record) name_ = std::move(*record);
    name_offset_ = offset;
    return Status::ok();
  });
  return status.is_ok() ? SQLITE_OK : fail(status);
}

int JournalFile::read(MutableBytes out, uint64_t offset) {
  std::ranges::fill(out, uint8_t{0});
  uint64_t size = 0;
  int result = this->size(&size);
  if (result != SQLITE_OK) return result;
  if (!head_.has_key() || offset + out.size() > size) return SQLITE_IOERR_SHORT_READ;
  const bool may_be_header = offset % kSqliteSectorSize == 0 && (out.size() == kJournalMagic.size() || offset == 0);
  const Segment* segment = segment_at(offset);
  if (may_be_header && (segment == nullptr || offset >= records_offset(*segment))) {
    if ((result = probe(offset)) != SQLITE_OK) return result;
    segment = segment_at(offset);
  }
  if (segment == nullptr) return SQLITE_OK;
  if (!name_.empty() && offset >= name_offset_) {
    const size_t skipped = std::min<size_t>(offset - name_offset_, name_.size());
    std::copy_n(name_.begin() + static_cast<ptrdiff_t>(skipped), std::min(out.size(), name_.size() - skipped),
                out.begin());
    return SQLITE_OK;
  }
  if (offset >= records_offset(*segment)) return read_record(*segment, out, offset);
  const size_t skipped = std::min<size_t>(offset - segment->offset, kJournalHeaderSize);
  std::copy_n(segment->header.bytes.begin() + static_cast<ptrdiff_t>(skipped),
              std::min(out.size(), kJournalHeaderSize - skipped), out.begin());
  return SQLITE_OK;
}

// What does not open, and nobody relied upon, reads as zeros, which SQLite takes for the end of the journal.
int JournalFile::read_record(const Segment& segment, MutableBytes out, uint64_t offset) {
  const uint64_t index = (offset - records_offset(segment)) / record_size();
  const uint64_t begin = records_offset(segment) + index * record_size();
  if (record_.empty() || record_offset_ != begin) {
    sealed_.resize(record_size());
    record_.clear();
    const int result = File::read(sealed_, kEnvelopeSize + begin);
    if (result == SQLITE_IOERR_SHORT_READ) return SQLITE_OK;
    if (result != SQLITE_OK) return result;
    Bytes opened(sealed_.size());
    bool good = false;
    const Status status = head_.with_key([&](const SqliteKey& key) {
      good = open_journal_record(key, life_, begin, sealed_, opened.data());
      return Status::ok();
    });
    if (!status.is_ok()) return fail(status);
    if (!good && index < std::max(segment.header.durable_count, segment.written_count)) {
      return fail({Code::kTampered, "record " + std::to_string(index) + " was synced, and is not as it was written"});
    }
    if (!good) return SQLITE_OK;
    record_ = std::move(opened);
    record_offset_ = begin;
  }
  const size_t skipped = offset - begin;
  std::copy_n(record_.begin() + static_cast<ptrdiff_t>(skipped), std::min(out.size(), record_.size() - skipped),
              out.begin());
  return SQLITE_OK;
}

}  // namespace coffer::sqlite
