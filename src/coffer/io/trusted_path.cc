#include "coffer/io/trusted_path.h"

#include <unistd.h>

#include <algorithm>

#include "coffer/base/path.h"

namespace coffer {
namespace {

constexpr uint32_t kOthersWrite = 022;
constexpr uint32_t kSticky = 01000;
constexpr int kLinksMax = 40;  // as many as the system follows

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

// Of a path without links: what stands there, the directory it is in, and those further up.
Status check_chain(Disk& disk, std::string at) {
  for (int depth = 0;; ++depth) {
    COFFER_ASSIGN(const FileInfo found, disk.info(at));
    if (depth <= 1) COFFER_TRY(check_owner(at, found));
    COFFER_TRY(check_mode(at, found));
    if (at == "/") return Status::ok();
    at = std::string(parent_of(at));
  }
}

// Whoever can change a directory with a link in it leads elsewhere, and can do so between this look and the use. That
// the sticky bit keeps others from it says nothing of whose the link is.
Status check_directory_of_link(Disk& disk, const std::string& directory, const std::string& link) {
  COFFER_ASSIGN(const FileInfo found, disk.info(directory));
  if ((found.mode & kOthersWrite) != 0) {
    return {Code::kPermissionDenied,
            link + " is a symbolic link, and others may write " + directory + ", where it is; name what it leads to"};
  }
  return check_chain(disk, directory).with_context(link + " is a symbolic link");
}

// Goes the way that the system goes, one name at a time.
Status check_links(Disk& disk, const std::string& path) {
  std::string at = "/", rest = path;
  for (int links = 0; !rest.empty();) {
    const size_t end = std::min(rest.find('/'), rest.size());
    const std::string name = rest.substr(0, end);
    rest.erase(0, end + 1);
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      at = std::string(parent_of(at));
      continue;
    }
    const std::string next = (at == "/" ? "" : at) + "/" + name;
    COFFER_ASSIGN(const std::string target, disk.link_target(next));
    if (target.empty()) {
      at = next;
      continue;
    }
    if (++links > kLinksMax) return {Code::kInvalidArgument, path + " leads through too many symbolic links"};
    COFFER_TRY(check_directory_of_link(disk, at, next));
    if (target.front() == '/') at = "/";
    rest = target + "/" + rest;
  }
  return Status::ok();
}

}  // namespace

Status check_only_owner_changes(Disk& disk, const std::string& path) {
  const std::string absolute = absolute_path(path);
  COFFER_ASSIGN(const std::string real, disk.canonical(absolute));
  COFFER_TRY(check_chain(disk, real));
  return real == absolute ? Status::ok() : check_links(disk, absolute);
}

}  // namespace coffer
