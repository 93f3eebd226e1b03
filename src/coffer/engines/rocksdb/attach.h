// Coffer in one call for programs that embed RocksDB: the file system, and a domain for each column family that is to
// have one. docs/operating.md, "Separate keys for tables or tenants".
//
//   rocksdb::Options options;
//   auto env = coffer::attach(options, "/var/lib/db.coffer", {.column_families = {{"tenant7", "tenant7"}}});
//   if (!env.is_ok()) { … env.status().to_string() … }
//   rocksdb::DB::Open(options, "/var/lib/db", …);
#pragma once

#include <rocksdb/options.h>

#include <map>
#include <memory>
#include <string>

#include "coffer/engines/rocksdb/file_system.h"

namespace coffer {

struct AttachOptions {
  // Where the root key is, instead of the place the keyring names.
  std::string root_uri = {};
  // Column family → domain of its data files (SST, blob). Others are in the domain that coffer.yaml has for their path,
  // else in "system", where WAL, MANIFEST and all the rest always are.
  std::map<std::string, std::string> column_families = {};
};

// Sets options.env to one whose files go through the coffer to what options.env wrote to before, and adds a listener to
// options.listeners. kNotFound for a domain that the keyring does not have; `options` is then as it was.
//
// The Env must outlive the DB. Everything that reads or writes the database's files takes it: another DB, Checkpoint,
// BackupEngineOptions (as backup_env as well), RestoreDB, SstFileWriter. Copies of a data file are in its domain,
// unless coffer.yaml has another for where they go. A file that SstFileWriter makes belongs to no column family yet:
// its path decides, and ingesting it changes nothing.
Result<std::shared_ptr<::rocksdb::Env>> attach(::rocksdb::DBOptions& options, const std::string& coffer_directory,
                                               const AttachOptions& attach_options = {}) noexcept;
// The same upon a coffer that is open already.
Result<std::shared_ptr<::rocksdb::Env>> attach(::rocksdb::DBOptions& options, std::shared_ptr<Coffer> coffer,
                                               const AttachOptions& attach_options = {}) noexcept;

}  // namespace coffer
