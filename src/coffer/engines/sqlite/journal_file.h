// A rollback journal. SQLite writes a record in three pieces and a header in parts; each is put together here, sealed,
// and written at once. docs/format.md, section 18: J1 to J6.
#pragma once

#include <vector>

#include "coffer/engines/sqlite/database_file.h"
#include "coffer/format/sqlite_journal.h"

namespace coffer::sqlite {

class JournalFile final : public File, public HoldsBack {
 public:
  // `database` outlives it.
  JournalFile(sqlite3_file* base, DatabaseFile& database, Identity identity)
      : File(base), database_(database), head_(*this, std::move(identity)) {
    database_.set_journal(this);
  }
  ~JournalFile() override {
    if (database_.journal() == this) database_.set_journal(nullptr);
  }

  int read(MutableBytes out, uint64_t offset) override;
  int write(ByteView bytes, uint64_t offset) override;
  int truncate(uint64_t size) override;
  int sync(int flags) override;
  int size(uint64_t* size) override;
  int flush() override;

 private:
  // A header of this life, and the records behind it.
  struct Segment {
    uint64_t offset = 0;
    JournalHeader header;
    uint32_t written_count = 0;  // records that were written by this object
    uint32_t synced_count = 0;   // of these
  };
  using Sector = std::array<uint8_t, kSqliteSectorSize>;

  const std::string& path() const { return head_.path(); }
  uint32_t record_size() const { return segments_.front().header.page_size() + uint32_t{kJournalRecordExtra}; }
  uint64_t records_offset(const Segment& segment) const { return segment.offset + segment.header.sector_size(); }
  // The one that `offset` is in; null before the first.
  Segment* segment_at(uint64_t offset);

  int begin_life();
  int write_header(ByteView bytes, uint64_t offset);
  int update_header(Segment& segment, ByteView start);
  int seal_header(const Segment& segment);
  int erase(uint64_t offset);
  int write_piece(ByteView bytes, uint64_t offset);
  int write_record();
  int write_name();
  int write_base(ByteView bytes, uint64_t offset);

  int probe(uint64_t offset);
  int read_record(const Segment& segment, MutableBytes out, uint64_t offset);
  int find_name();
  void forget();
  int fail(const Status& status);

  DatabaseFile& database_;
  Head head_;
  JournalLife life_;
  std::vector<Segment> segments_;  // in order
  // Of a record or a name that SQLite is writing.
  uint64_t piece_offset_ = 0;
  Bytes piece_;
  Pending pending_;  // of records
  // The record that was opened last; empty: none.
  uint64_t record_offset_ = 0;
  Bytes record_;
  Bytes sealed_;
  // The name of a super-journal at the end, as SQLite has it; empty: none.
  uint64_t name_offset_ = 0;
  Bytes name_;
};

}  // namespace coffer::sqlite
