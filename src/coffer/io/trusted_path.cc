#include "coffer/io/trusted_path.h"

#include <unistd.h>

#include "coffer/base/path.h"

namespace coffer {
namespace {

constexpr uint32_t kOthersWrite = 022;
constexpr uint32_t kSticky = 01000;

Status check_mode(const std::string& path, const FileInfo& found) {
  const bool kept_apart = found.is_directory && (found.mode & kSticky) != 0;
  if ((found.mode & kOthersWrite) == 0 || kept_apart) return Status::ok();
  return {Code::kPermissionDenied, path + ": others may write it; run chmod go-w " + path};
}

Status check_owner(const std::string& path, const FileInfo& found) {
  if (found.owner == 0 || found.owner == ::geteuid()) return Status::ok();
  return {Code::kPermissionDenied, path + " belongs to user " + std::to_string(found.owner) +
                                       "; it must belong to root or to the user who runs this"};
}

}  // namespace

Status check_only_owner_changes(Disk& disk, const std::string& path) {
  COFFER_ASSIGN(std::string at, disk.canonical(path));
  for (int depth = 0;; ++depth) {
    COFFER_ASSIGN(const FileInfo found, disk.info(at));
    if (depth <= 1) COFFER_TRY(check_owner(at, found));
    COFFER_TRY(check_mode(at, found));
    if (at == "/") return Status::ok();
    at = std::string(parent_of(at));
  }
}

}  // namespace coffer
