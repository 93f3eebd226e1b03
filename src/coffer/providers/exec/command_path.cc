#include "coffer/providers/exec/command_path.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <system_error>

#include "coffer/base/path.h"

namespace coffer::exec {
namespace {

constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;

std::string reason(int error) { return std::system_category().message(error); }

// Whoever may write a directory may put another file in the place of the command; not where the sticky bit keeps
// everybody's names their own, as in /tmp.
Status check_owner_and_mode(const std::string& path, const struct stat& found) {
  if (found.st_uid != 0 && found.st_uid != ::geteuid()) {
    return {Code::kPermissionDenied, path + " belongs to user " + std::to_string(found.st_uid) +
                                         "; it must belong to root or to the user who runs this"};
  }
  const bool kept_apart = S_ISDIR(found.st_mode) && (found.st_mode & S_ISVTX) != 0;
  if ((found.st_mode & kOthersWrite) != 0 && !kept_apart) {
    return {Code::kPermissionDenied, path + ": others may write it; run chmod go-w " + path};
  }
  return Status::ok();
}

Status check_directories_above(const std::string& path) {
  std::string directory = path;
  do {
    directory = std::string(parent_of(directory));
    struct stat found;
    if (::stat(directory.c_str(), &found) != 0) return {Code::kPermissionDenied, directory + ": " + reason(errno)};
    COFFER_TRY(check_owner_and_mode(directory, found));
  } while (directory != "/");
  return Status::ok();
}

}  // namespace

Result<CommandPath> split_command_path(const std::string& path) {
  for (size_t start = 0, end; start <= path.size(); start = end + 1) {
    end = std::min(path.find('/', start), path.size());
    const std::string_view part = std::string_view(path).substr(start, end - start);
    if (!part.starts_with(kCommandPrefix) || part.size() == kCommandPrefix.size()) continue;
    return CommandPath{absolute_path(path.substr(0, end)), path.substr(std::min(end + 1, path.size()))};
  }
  return {Code::kInvalidArgument, "an exec: URI names a command whose file name begins with " +
                                      std::string(kCommandPrefix) +
                                      ", such as exec:/usr/local/lib/coffer/coffer-exec-age/KEY"};
}

Status check_command(const std::string& command) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(command.c_str(), nullptr), &std::free);
  if (real == nullptr) {
    const Code code = errno == ENOENT || errno == ENOTDIR ? Code::kProviderUnavailable : Code::kPermissionDenied;
    return {code, "the command " + command + ": " + reason(errno)};
  }
  struct stat found;
  if (::stat(real.get(), &found) != 0)
    return {Code::kProviderUnavailable, "the command " + command + ": " + reason(errno)};
  if (!S_ISREG(found.st_mode) || ::access(real.get(), X_OK) != 0) {
    return {Code::kPermissionDenied, "the command " + command + " is no executable file; run chmod +x on it"};
  }
  Status status = check_owner_and_mode(real.get(), found);
  if (status.is_ok()) status = check_directories_above(real.get());
  if (status.is_ok()) status = check_directories_above(command);
  return status.with_context("the command " + command + " is not run");
}

}  // namespace coffer::exec
