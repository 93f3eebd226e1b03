#include "coffer/base/path.h"

#include <filesystem>
#include <system_error>

namespace coffer {

std::string_view parent_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return path.substr(0, slash == 0 ? 1 : slash);
}

bool is_within(std::string_view path, std::string_view directory) {
  if (!path.starts_with(directory)) return false;
  return path.size() == directory.size() || directory.ends_with('/') || path[directory.size()] == '/';
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string absolute_path(std::string_view path) {
  while (path.size() > 2 && path.starts_with("./")) path.remove_prefix(2);
  std::error_code error;
  std::string out = std::filesystem::absolute(path, error).string();
  if (error) out = path;
  while (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

}  // namespace coffer
