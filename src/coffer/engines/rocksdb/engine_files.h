// What a RocksDB store consists of.
#pragma once

#include "coffer/files/engine_files.h"

namespace coffer::rocks {

const EngineFiles& engine_files();

}  // namespace coffer::rocks
