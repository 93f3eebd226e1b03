#include "coffer/engines/rocksdb/file_name.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace coffer::rocks {
namespace {

std::string_view base_name(std::string_view path) {
  size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view without_suffix(std::string_view name, std::string_view suffix) {
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : name;
}

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view parent(std::string_view path) {
  size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

}  // namespace

EngineRole role_of(std::string_view path) {
  const std::string_view name = base_name(path);
  if (name.ends_with(".trash")) return EngineRole::kTrash;             // RocksDB truncates it piece by piece
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
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(path, error);
  // Without a working directory no relative name can be opened either; the open that follows says so.
  if (error) absolute = path;
  std::string normal = absolute.lexically_normal().string();
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return normal;
}

std::string store_directory(const std::string& path) {
  std::string_view directory = parent(path);
  std::string_view name = base_name(directory);
  if (name == "archive" || name == "shared" || name == "shared_checksum" || name == "meta") {
    directory = parent(directory);
  } else if (is_number(without_suffix(name, ".tmp")) && base_name(parent(directory)) == "private") {
    directory = parent(parent(directory));
  }
  return std::string(without_suffix(directory, ".tmp"));
}

}  // namespace coffer::rocks
