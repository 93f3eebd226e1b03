// Coffer as a RocksDB FileSystem: every file that RocksDB writes is encrypted and authenticated. docs/architecture.md.
//
//   auto env = coffer::open_coffer_env("/var/lib/db.coffer");
//   options.env = env.value().get();
//   rocksdb::DB::Open(options, "/var/lib/db", &db);
//
// The Env must outlive the DB. No exception leaves a function declared here.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <memory>
#include <string>

#include "coffer/base/status.h"

namespace coffer {

class Coffer;

struct FileSystemOptions {
  // Where the root key is, instead of the place the keyring names.
  std::string root_uri;
};

// Opens the coffer and wraps `base`, which is what the bytes go to; null: RocksDB's default file system. A Coffer file
// system given as `base` is replaced by what it wraps, so that nothing is encrypted twice.
Result<std::shared_ptr<::rocksdb::FileSystem>> open_coffer_file_system(
    const std::string& coffer_directory, std::shared_ptr<::rocksdb::FileSystem> base = nullptr,
    const FileSystemOptions& options = {}) noexcept;
// The same upon a coffer that is open already.
Result<std::shared_ptr<::rocksdb::FileSystem>> make_coffer_file_system(
    std::shared_ptr<Coffer> coffer, std::shared_ptr<::rocksdb::FileSystem> base = nullptr) noexcept;
Result<std::shared_ptr<::rocksdb::Env>> open_coffer_env(const std::string& coffer_directory,
                                                        const FileSystemOptions& options = {}) noexcept;

// coffer://DIRECTORY[?option=value[&option=value]…] with a relative or (three slashes) an absolute path.
//   base=URI   the file system to wrap, as RocksDB's FileSystem::CreateFromString takes it
//   root=URI   FileSystemOptions::root_uri
// %XX stands for a byte that would mean something else. An option that is not listed here is an error that names it.
Result<std::shared_ptr<::rocksdb::FileSystem>> open_coffer_uri(const std::string& uri) noexcept;

// Puts "coffer://" into RocksDB's object registry, for FileSystem::CreateFromString and tools that take --fs_uri. When
// a coffer cannot be opened, the reason is printed to standard error as well, since some tools do not survive to say
// it. Calling it again does nothing.
void register_coffer();

}  // namespace coffer
