// What RocksDB's file names say: what a file is to RocksDB, and which store it belongs to.
#pragma once

#include <string>
#include <string_view>

#include "coffer/files/engine_role.h"

namespace coffer::rocks {

// The file that says which MANIFEST is in force.
inline constexpr std::string_view kCurrentName = "CURRENT";

// The role of the file that has this path, by its name alone.
EngineRole role_of(std::string_view path);

// Absolute, without "." and ".." and doubled or trailing slashes. Symbolic links are left alone.
std::string absolute_path(const std::string& path);
// The directory a new file's store is registered under: the file's own, or, inside the folders that backups and log
// archives are made of, the one around them. `path` is absolute.
std::string store_directory(const std::string& path);
// Where there is a file of this name, there is a database, and not just a backup, a staging directory or half a
// checkpoint.
bool shows_a_database(const std::string& path);

}  // namespace coffer::rocks
