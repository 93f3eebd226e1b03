// A rollback journal of SQLite: headers, records of pages, and the name of a super-journal, each sealed where SQLite
// has it. docs/format.md, section 18; J1 to J6 are the invariants of that section.
#pragma once

#include <optional>

#include "coffer/format/sqlite_key.h"

namespace coffer {

inline constexpr size_t kSqliteSectorSize = 512;
inline constexpr size_t kJournalHeaderSize = 28;  // of what SQLite writes there
inline constexpr size_t kJournalRecordExtra = 8;  // besides the page: its number and SQLite's checksum
inline constexpr std::array<uint8_t, 8> kJournalMagic{0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};

// From one header at offset 0 to the next: what belongs to another life, or another database, does not open.
struct JournalLife {
  Id database_id;  // the file id of the database
  Id salt;

  static Result<JournalLife> begin(const Id& database_id);
};

struct JournalHeader {
  std::array<uint8_t, kJournalHeaderSize> bytes{};  // as SQLite has them
  // So many records behind it were synced before this header was written (J4).
  uint32_t durable_count = 0;

  bool is_valid() const;  // its magic is there
  uint32_t sector_size() const;
  uint32_t page_size() const;
};

// Offsets count from the end of the envelope, as SQLite counts them.
Status seal_journal_header(SqliteSealing& sealing, const JournalLife& life, uint64_t offset,
                           const JournalHeader& header, std::span<uint8_t, kSqliteSectorSize> out);
// What the sector at offset 0 says of its life in clear.
JournalLife journal_life(std::span<const uint8_t, kSqliteSectorSize> sector);
// Nothing unless it was sealed there in this life.
std::optional<JournalHeader> open_journal_header(const SqliteKey& key, const JournalLife& life, uint64_t offset,
                                                 std::span<const uint8_t, kSqliteSectorSize> sector);

// `record`: number, page and checksum as SQLite has them, P + 8 bytes, as many as `out` gets, which may equal
// record.data(). kInvalidArgument for a page that does not leave its reserved bytes alone.
Status seal_journal_record(SqliteSealing& sealing, const JournalLife& life, uint64_t offset, ByteView record,
                           uint8_t* out);
// False, and zeros, unless it was sealed there in this life. `out` may not be sealed.data().
[[nodiscard]] bool open_journal_record(const SqliteKey& key, const JournalLife& life, uint64_t offset, ByteView sealed,
                                       uint8_t* out);

// The name of a super-journal, with what SQLite writes around it: a page number before it, 16 bytes behind it. Stays in
// clear, since databases without Coffer that took part in the transaction ask for it; its seal stands behind the page
// number (J5).
inline constexpr size_t kJournalNameExtra = 20;
inline constexpr size_t kJournalNameSizeMax = 4096;
Result<Bytes> seal_journal_name(SqliteSealing& sealing, const JournalLife& life, uint64_t offset, ByteView record);
// How long the record is that ends a journal with these last 16 bytes, as SQLite counts; 0: no name is there.
size_t journal_name_record_size(std::span<const uint8_t, 16> end);
// `sealed`: as seal_journal_name() made it. Nothing unless it was sealed there in this life.
std::optional<Bytes> open_journal_name(const SqliteKey& key, const JournalLife& life, uint64_t offset, ByteView sealed);

}  // namespace coffer
