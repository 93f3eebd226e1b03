// A write-ahead log of SQLite: its header in a sector of its own, and frames, whose header and page are sealed each
// for itself, since SQLite changes one without the other. docs/format.md, section 19; W1 to W4 are the invariants of
// that section.
#pragma once

#include <optional>

#include "coffer/format/sqlite_journal.h"

namespace coffer {

inline constexpr size_t kWalHeaderSize = 32;
inline constexpr size_t kWalFrameHeaderSize = 24;
inline constexpr size_t kWalSealedHeaderSize = kWalFrameHeaderSize + XaesSeal::kSize;  // the page stands behind it

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

// `index` counts frames from 0. `out` gets kWalSealedHeaderSize bytes, and may equal header.data().
Status seal_wal_frame_header(SqliteSealing& sealing, const WalLife& life, uint32_t index,
                             std::span<const uint8_t, kWalFrameHeaderSize> header, uint8_t* out);
// `out` gets page.size() bytes, and may equal page.data(). kInvalidArgument for a page that does not leave its reserved
// bytes alone.
Status seal_wal_page(SqliteSealing& sealing, const WalLife& life, uint32_t index, ByteView page, uint8_t* out);
// False, and zeros, unless it was sealed there in this life. `out` gets kWalFrameHeaderSize, or as many bytes as the
// page has, and may equal sealed.data().
[[nodiscard]] bool open_wal_frame_header(const SqliteKey& key, const WalLife& life, uint32_t index,
                                         std::span<const uint8_t, kWalSealedHeaderSize> sealed, uint8_t* out);
[[nodiscard]] bool open_wal_page(const SqliteKey& key, const WalLife& life, uint32_t index, ByteView sealed,
                                 uint8_t* out);
// Of header and page, one behind the other: `out` gets kWalFrameHeaderSize + P bytes.
[[nodiscard]] bool open_wal_frame(const SqliteKey& key, const WalLife& life, uint32_t index, ByteView sealed,
                                  uint8_t* out);

}  // namespace coffer
