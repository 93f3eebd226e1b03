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

struct ProcessEnd {
  std::optional<int> exit_code;  // nothing when the process ignores SIGCHLD and so cannot know
  int signal = 0;                // that ended it
};

// What spawn() has started. Ended when this is destroyed, if it was not before.
class Spawned {
 public:
  explicit Spawned(pid_t pid) : pid_(pid) {}
  ~Spawned() { end(); }
  Spawned(const Spawned&) = delete;
  Spawned& operator=(const Spawned&) = delete;

  // Leaves it unreaped, so that its number, which is its group's, stays its own.
  bool has_ended();
  // Kills it and what it left running, and waits for it. The first time it says how it ended.
  ProcessEnd end();

 private:
  pid_t pid_;
  bool reaped_by_host_ = false;  // SIGCHLD is ignored, or somebody else waits for every child
};

}  // namespace coffer::exec
