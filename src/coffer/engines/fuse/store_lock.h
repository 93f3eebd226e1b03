// Whose a backing directory is: one daemon mounts it, and nobody writes its files anew meanwhile.
#pragma once

#include "coffer/io/disk.h"

namespace coffer::fusefs {

// Held as long as the result lives. kBusy, naming the process, where the store is mounted already. Nothing is written:
// the directory itself is locked.
Result<std::unique_ptr<FileLock>> lock_store(const std::string& store);
// The directory at or around `path` that somebody has mounted as a store; empty: none.
std::string mounted_store_of(const std::string& path);
// Returns when nobody has it locked. REQUIRES: this process has not
Status await_store(const std::string& store);

}  // namespace coffer::fusefs
