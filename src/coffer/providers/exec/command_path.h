// Which programs an exec: URI may name, and where they may lie. docs/providers/exec.md.
//
// The URI is the configuration's, and that is believed. Still only a program that was put there to be a key provider is
// run, never one that happens to be on the machine: a slip in the configuration must not make a shell a key provider.
#pragma once

#include <string>

#include "coffer/base/status.h"

namespace coffer::exec {

inline constexpr std::string_view kCommandPrefix = "coffer-exec-";

struct CommandPath {
  std::string command;  // absolute
  std::string key;      // what stands behind it in the URI's path: "app" in /usr/lib/coffer/coffer-exec-age/app
};

// The command is the first part of the path that begins with kCommandPrefix. kInvalidArgument without one.
Result<CommandPath> split_command_path(const std::string& path);

// kProviderUnavailable when it is not there; kPermissionDenied when it is no executable file, or when others than root
// and the user who runs this could put another in its place, as check_only_owner_changes() has it.
Status check_command(const std::string& command);

}  // namespace coffer::exec
