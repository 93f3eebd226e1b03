#include "coffer/engines/rocksdb/file_name.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "coffer/base/path.h"

namespace coffer::rocks {
namespace {

std::string_view without_suffix(std::string_view name, std::string_view suffix) {
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : name;
}

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

EngineRole role_of(std::string_view path) {
  const std::string_view name = base_name(path);
  if (name.ends_with(".trash")) return EngineRole::kTrash;           // RocksDB truncates it piece by piece
  const std::string_view final_name = without_suffix(name, ".tmp");  // of a backup
  for (std::string_view ending : {".sst", ".ldb", ".blob"}) {
    if (final_name.ends_with(ending)) return EngineRole::kData;
  }
  if (name.ends_with(".log") && is_number(without_suffix(name, ".log"))) return EngineRole::kLog;
  if (name.ends_with(".dbtmp")) return EngineRole::kTemporary;
  if (name == "CURRENT" || name == "IDENTITY" || name.starts_with("OPTIONS-")) return EngineRole::kWhole;
  if (name.starts_with("MANIFEST-")) return EngineRole::kMetadata;
  return EngineRole::kOther;
}

std::string absolute_path(const std::string& path) {
  const std::filesystem::path absolute = coffer::absolute_path(path);
  return coffer::absolute_path(absolute.lexically_normal().string());  // may end in a slash
}

std::string store_directory(const std::string& path) {
  std::string_view directory = parent_of(path);
  std::string_view name = base_name(directory);
  if (name == "archive" || name == "shared" || name == "shared_checksum" || name == "meta") {
    directory = parent_of(directory);
  } else if (is_number(without_suffix(name, ".tmp")) && base_name(parent_of(directory)) == "private") {
    directory = parent_of(parent_of(directory));
  }
  return std::string(directory);
}

bool shows_a_database(const std::string& path) {
  const std::string_view directory = parent_of(path);
  return (base_name(path) == "CURRENT" || role_of(path) == EngineRole::kLog) && !directory.ends_with(".tmp") &&
         store_directory(path) == directory;
}

}  // namespace coffer::rocks
