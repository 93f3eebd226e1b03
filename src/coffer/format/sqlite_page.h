// Pages of a SQLite database, each sealed where it stands. docs/format.md, section 17; S1 to S5, which code and tests
// cite, are the invariants of that section.
#pragma once

#include "coffer/format/sqlite_key.h"

namespace coffer {

// What page 1 says in clear: SQLite reads page size and reserved bytes before it knows where a page ends.
inline constexpr size_t kSqliteClearSize = 24;

struct SqlitePagePlace {
  Id file_id;
  uint32_t number = 0;  // from 1
};

// The page size that the beginning of page 1 names in clear; nothing proves it before page 1 is opened. 0: none.
uint32_t sqlite_page_size(ByteView start);

// kInvalidArgument for a page that SQLite, or somebody above Coffer, wrote with something in its reserved bytes, or a
// first page that has none (S2).
Status check_sqlite_page(const SqlitePagePlace& place, ByteView page);
// The same, and seals it. `out` may equal page.data().
Status seal_sqlite_page(SqliteSealing& sealing, const SqlitePagePlace& place, ByteView page, uint8_t* out);
// kDamaged for zeros: it was never written, or the medium lost it (S3); kTampered for anything else that was not sealed
// here. `out` is then all zeros. It may equal sealed.data().
Status open_sqlite_page(const SqliteKey& key, const SqlitePagePlace& place, ByteView sealed, uint8_t* out);

}  // namespace coffer
