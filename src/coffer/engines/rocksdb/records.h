// What a RocksDB database says of its files: CURRENT names the MANIFEST, and that the data files.
#pragma once

#include "coffer/files/engine_records.h"

namespace coffer::rocks {

const EngineRecords& records();

}  // namespace coffer::rocks
