// Keeping RocksDB out of a database, as one RocksDB keeps another one out.
#pragma once

#include "coffer/io/disk.h"

namespace coffer::rocks {

// As long as it is held no RocksDB opens the database for writing. kBusy, naming the process, where one has it open.
// REQUIRES: this process has the database not open itself.
Result<std::unique_ptr<FileLock>> lock_database(const std::string& directory);

}  // namespace coffer::rocks
