// A write-ahead log of SQLite: its header in a sector of its own, and frames, each sealed whole. docs/format.md,
// section 19; W1 to W4 are the invariants of that section.
#pragma once

#include <optional>

#include "coffer/format/sqlite_journal.h"

namespace coffer {

inline constexpr size_t kWalHeaderSize = 32;
inline constexpr size_t kWalFrameHeaderSize = 24;

// From one header to the next: SQLite's salts.
struct WalLife {
  Id database_id;
  std::array<uint8_t, 8> salts{};

  bool operator==(const WalLife&) const = default;
};

struct WalHeader {
  std::array<uint8_t, kWalHeaderSize> bytes{};  // as SQLite has them

  uint32_t page_size() const;
  std::array<uint8_t, 8> salts() const;
};

Status seal_wal_header(SqliteSealing& sealing, const Id& database_id, const WalHeader& header,
                       std::span<uint8_t, kSqliteSectorSize> out);
// What the sector says in clear.
Id wal_database_id(std::span<const uint8_t, kSqliteSectorSize> sector);
// Nothing unless it was sealed for this database.
std::optional<WalHeader> open_wal_header(const SqliteKey& key, const Id& database_id,
                                         std::span<const uint8_t, kSqliteSectorSize> sector);

// `frame`: header and page as SQLite has them, 24 + P bytes, as many as `out` gets; `index` counts from 0. `out` may
// equal frame.data(). kInvalidArgument for a page that does not leave its reserved bytes alone.
Status seal_wal_frame(SqliteSealing& sealing, const WalLife& life, uint32_t index, ByteView frame, uint8_t* out);
// False, and zeros, unless it was sealed there in this life. `out` may equal sealed.data().
[[nodiscard]] bool open_wal_frame(const SqliteKey& key, const WalLife& life, uint32_t index, ByteView sealed,
                                  uint8_t* out);

}  // namespace coffer
