// All engines that there are, for commands that handle files of any of them.
#pragma once

#include "coffer/files/engine_records.h"

namespace coffer::cli {

// RocksDB's databases, and stores while they are mounted.
const EngineRecords& engine_records();

}  // namespace coffer::cli
