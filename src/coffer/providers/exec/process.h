// Runs one command with its input and output in secret memory, within a time limit. Safe in processes with many
// threads.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "coffer/base/secret.h"
#include "coffer/providers/exec/spawn.h"

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

struct ProcessResult : ProcessEnd {
  SecretBytes output;      // at most kOutputSizeMax; a longer one is kLimitExceeded
  SecretBytes error_tail;  // the end of standard error; of a long one half of kErrorTailSize or more
};

// Started as spawn() has it; its process group is killed when the time is over or it has ended. kProviderUnavailable
// when it cannot be started or takes too long. Messages do not name the command.
Result<ProcessResult> run_process(const ProcessRequest& request);

}  // namespace coffer::exec
