// Which file system is wrapped when none is named.
#pragma once

#include <rocksdb/file_system.h>

#include <memory>

namespace coffer::rocks {

using DefaultBase = std::shared_ptr<::rocksdb::FileSystem> (*)();

// RocksDB's FileSystem::Default, unless this process replaces that very function (the preloaded module does) and says
// here where the original is.
void set_default_base(DefaultBase original);

}  // namespace coffer::rocks
