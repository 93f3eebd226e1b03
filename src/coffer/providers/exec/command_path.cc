#include "coffer/providers/exec/command_path.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <system_error>

#include "coffer/base/path.h"
#include "coffer/io/trusted_path.h"

namespace coffer::exec {
namespace {

std::string reason(int error) { return std::system_category().message(error); }

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
  return check_only_owner_changes(Disk::posix(), command).with_context("the command " + command + " is not run");
}

}  // namespace coffer::exec
