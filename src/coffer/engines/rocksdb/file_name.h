// What RocksDB's file names say: how a new file is to be written, and which store it belongs to.
#pragma once

#include <string>
#include <string_view>

namespace coffer::rocks {

// SST and blob files, their backups (".sst.tmp") and leftovers (".sst.trash"): written once, read at random.
bool is_data_file(std::string_view path);
// A write-ahead log: digits and ".log".
bool is_write_ahead_log(std::string_view path);
// On its way out: RocksDB truncates it piece by piece and never reads it again.
bool is_trash(std::string_view path);
// Files that RocksDB has written whole and synced before it relies on them (CURRENT, IDENTITY, OPTIONS-*, and the
// *.dbtmp they are renamed from): one without its clean close was cut. docs/format.md, section 5.
bool must_end_cleanly(std::string_view path);
// Those among them that have their final name: they get it once they are synced, so that a crash cannot have torn them.
bool is_published_whole(std::string_view path);

// The manifest and all of those: a damaged end of theirs keeps the database from opening, so that they are always of
// the kind that tells a torn end from damage.
bool is_metadata(std::string_view path);

// Absolute, without "." and ".." and doubled or trailing slashes. Symbolic links are left alone.
std::string absolute_path(const std::string& path);
// The directory a new file's store is registered under: the file's own, or, inside the folders that backups,
// checkpoints and log archives are made of, the one around them. `path` is absolute.
std::string store_directory(const std::string& path);

}  // namespace coffer::rocks
