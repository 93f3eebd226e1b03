// The files of a database that is open: where they are, and which of them have an old file key.
#pragma once

#include <rocksdb/db.h>

#include "coffer/engines/rocksdb/file_name.h"
#include "coffer/files/condemned_keys.h"
#include "coffer/store/coffer.h"

namespace coffer::rocks {

// What is to be done about a file whose key is old.
enum class Renewal : uint8_t {
  kSuccessor,   // nobody changes it any more: a successor takes its place
  kUnfinished,  // a data file that is being written, or that RocksDB needs no more
  kFlush,       // a write-ahead log: goes once it is flushed
  kReopening,   // RocksDB makes a new one when the database is opened
  kDeletion,    // on its way out
  kNone,        // none of RocksDB's
};
std::string_view when_text(Renewal renewal);

struct OldFile {
  std::string path;
  FileInfo info;
  EngineRole role = EngineRole::kOther;
  Renewal renewal = Renewal::kNone;
  Status trouble;  // not ok: its header could not be read, or not opened
};

// The database's own directory, those of its logs, and those of tables; each once.
std::vector<std::string> directories_of(const ::rocksdb::DB& db, const std::vector<::rocksdb::ColumnFamilyHandle*>&);

// Every file there that such a key ever protected, or of which that cannot be told.
Result<std::vector<OldFile>> find_old_files(Coffer& coffer, ::rocksdb::DB& db,
                                            const std::vector<std::string>& directories, const CondemnedKeys& keys);

}  // namespace coffer::rocks
