// Starting a command without a shell, and ending it: no other file descriptors than the three, the root directory as
// current one, default signals, a process group of its own. Safe in processes with many threads.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "coffer/base/status.h"
#include "coffer/io/descriptor.h"

namespace coffer::exec {

// kProviderUnavailable, with the system's reason.
Status unavailable(std::string what, int error);

struct Pipe {
  Descriptor reading;
  Descriptor writing;
};

// `ours` is the end that this process uses, without ever waiting for it.
Result<Pipe> make_pipe(Descriptor Pipe::*ours);

struct StandardDescriptors {
  int input = -1;
  int output = -1;
  int errors = -1;
};
// `arguments`: the command first, by its absolute path; `environment`: "NAME=value", all of it.
Result<pid_t> spawn(std::vector<std::string> arguments, std::vector<std::string> environment,
                    const StandardDescriptors& ends);

enum class CommandState : uint8_t { kRuns, kEnded, kReapedByHost };
// Leaves it unreaped, so that its number, which is its group's, stays its own. kReapedByHost where SIGCHLD is ignored,
// or somebody else waits for every child.
CommandState command_state(pid_t pid);

struct ProcessEnd {
  std::optional<int> exit_code;  // nothing when the process ignores SIGCHLD and so cannot know
  int signal = 0;                // that ended it
};
// Kills it and what it left running, and waits for it. REQUIRES: nobody has reaped it.
void end_command(pid_t pid, ProcessEnd& end);

}  // namespace coffer::exec
