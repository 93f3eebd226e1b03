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

bool is_data_file(std::string_view path) {
  std::string_view name = without_suffix(without_suffix(base_name(path), ".tmp"), ".trash");
  return name.ends_with(".sst") || name.ends_with(".ldb") || name.ends_with(".blob");
}

bool is_write_ahead_log(std::string_view path) {
  std::string_view name = base_name(path);
  return name.ends_with(".log") && is_number(without_suffix(name, ".log"));
}

bool is_trash(std::string_view path) { return path.ends_with(".trash"); }

bool must_end_cleanly(std::string_view path) { return is_published_whole(path) || path.ends_with(".dbtmp"); }

bool is_published_whole(std::string_view path) {
  std::string_view name = base_name(path);
  if (name.ends_with(".dbtmp")) return false;
  return name == "CURRENT" || name == "IDENTITY" || name.starts_with("OPTIONS-");
}

bool is_metadata(std::string_view path) { return must_end_cleanly(path) || base_name(path).starts_with("MANIFEST-"); }

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
