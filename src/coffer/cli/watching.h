// Running a program as a child of this process, and hearing whether the plug-in opened the coffer in it or in what it
// started. For programs that begin without RocksDB in them: scripts and shells, which may lose the plug-in on the way.
#pragma once

#include "coffer/cli/launch.h"
#include "coffer/io/descriptor.h"

namespace coffer::cli {

// Where plug-ins report: a socket, whose name every program that is started gets in its environment. A descriptor would
// not do: many programs close what they do not know before they start another.
class Reports {
 public:
  // Sets the variable of the environment that plug-ins look for.
  static Result<Reports> open();
  // Has a plug-in opened the coffer since?
  bool any() const;

 private:
  explicit Reports(Descriptor socket) : socket_(std::move(socket)) {}
  Descriptor socket_;
};

// Runs the program to its end. What signals people send to this process the program gets; if it ends by one, so is this
// process to end, by end_as(). Returns what waitpid() says of it.
Result<int> run_to_its_end(const Program& program, const std::vector<std::string>& words);
// The exit status, for a program that ended so. Does not return for one that a signal ended.
int end_as(int wait_status);

}  // namespace coffer::cli
