// Where the parts of a rollback journal and of a write-ahead log of SQLite stand: found by reading one from its
// beginning to where SQLite would stop. docs/format.md, sections 18 and 19.
#pragma once

#include "coffer/files/sqlite_body.h"

namespace coffer {

// kTampered for a header that nobody can have left there but who altered it; as reading `file`.
Result<std::unique_ptr<const SqliteParts>> journal_parts(const SqliteKey& key, const ReadableFile& file,
                                                         uint64_t physical_size);
Result<std::unique_ptr<const SqliteParts>> wal_parts(const SqliteKey& key, const ReadableFile& file,
                                                     uint64_t physical_size);

}  // namespace coffer
