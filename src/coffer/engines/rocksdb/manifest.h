// Reading RocksDB's MANIFEST: which data files a database consists of. Without RocksDB, so that tools need not load it.
#pragma once

#include <cstdint>
#include <set>

#include "coffer/base/bytes.h"

namespace coffer::rocks {

// The numbers of the table and blob files that the records at hand name, at their end. `manifest`: its plaintext, which
// may end inside a record that is being written. kUnsupported for what is none, or of a RocksDB that we do not know.
Result<std::set<uint64_t>> data_files_of(ByteView manifest);

}  // namespace coffer::rocks
