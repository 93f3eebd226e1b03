// Runs one command with its input and output in secret memory, within a time limit. Safe in processes with many
// threads.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "coffer/base/secret.h"

namespace coffer::exec {

// A pipe takes that much at once, whatever the limits of the system.
inline constexpr size_t kInputSizeMax = 4096;
inline constexpr size_t kOutputSizeMax = size_t{64} << 10;
inline constexpr size_t kErrorTailSize = 1024;

struct ProcessRequest {
  std::vector<std::string> arguments;    // the command first, by its absolute path
  std::vector<std::string> environment;  // "NAME=value": all of it
  SecretBytes input;                     // at most kInputSizeMax
  std::chrono::milliseconds time_max{};
};

struct ProcessResult {
  SecretBytes output;            // at most kOutputSizeMax; a longer one is kLimitExceeded
  SecretBytes error_tail;        // the end of standard error; of a long one half of kErrorTailSize or more
  std::optional<int> exit_code;  // nothing when the process ignores SIGCHLD and so cannot know
  int signal = 0;                // that ended it
};

// No shell, no other file descriptors, the root directory as current one, default signals, a process group of its own,
// which is killed when the time is over or the command has ended. kProviderUnavailable when it cannot be started or
// takes too long. Messages do not name the command.
Result<ProcessResult> run_process(const ProcessRequest& request);

}  // namespace coffer::exec
