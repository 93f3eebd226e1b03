// Coffer's errors in RocksDB's words, and back.
#pragma once

#include <rocksdb/file_system.h>

#include <exception>

#include "coffer/base/status.h"

namespace coffer::rocks {

using ::rocksdb::IODebugContext;
using ::rocksdb::IOOptions;
using ::rocksdb::IOStatus;
using ::rocksdb::Slice;

// What RocksDB is told when a file's bytes cannot be trusted (damaged, tampered with, cut short, wrong key, plaintext).
//
// Everywhere but in a write-ahead log that is Corruption, which RocksDB never ignores. When it replays a log, however,
// it takes Corruption for the torn end of a crash (kPointInTimeRecovery, its default) and goes on without what follows:
// synced writes would vanish in silence. Only an IOError stops it there. A torn end never gets here: the log format
// tells it apart.
enum class Distrust { kCorruption, kIoError };

IOStatus to_io_status(const Status& status, Distrust distrust);
// A missing file is kNotFound, a full disk kNoSpace, everything else kIo.
Status from_io_status(const IOStatus& status);

// Runs `body`; an exception (memory ran out) becomes an error, because RocksDB does not expect any.
template <class Body>
IOStatus guarded(const Body& body) noexcept {
  try {
    return body();
  } catch (const std::exception& e) {
    return IOStatus::IOError("coffer", e.what());
  } catch (...) {
    return IOStatus::IOError("coffer", "unknown exception");
  }
}

}  // namespace coffer::rocks

// Returns the IOStatus of `expr` from the enclosing function unless it is ok.
#define COFFER_IO_TRY(expr)                                                        \
  do {                                                                             \
    if (::rocksdb::IOStatus io_status = (expr); !io_status.ok()) return io_status; \
  } while (false)
