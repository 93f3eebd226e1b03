// Runs one command whose input and output pass through, of any size. Safe in processes with many threads.
#pragma once

#include <chrono>
#include <functional>

#include "coffer/base/bytes.h"
#include "coffer/providers/exec/spawn.h"

namespace coffer::exec {

struct StreamedCommand {
  std::vector<std::string> arguments;    // the command first, by its absolute path
  std::vector<std::string> environment;  // "NAME=value": all of it
  // Fills the beginning of a buffer and says how much; 0 at the end. Empty: there is no input.
  std::function<Result<size_t>(MutableBytes)> source = {};
  // Takes what it prints, in order. Empty: that is passed over.
  std::function<Status(ByteView)> sink = {};
  std::chrono::milliseconds stall_max{};
};

struct StreamedEnd : ProcessEnd {
  std::string said;  // the first line of its standard error, of some length
};

// Started as spawn() has it. Where `source` or `sink` fails, that is the error, and the command is killed before its
// input ends: it never takes a part for the whole, unless this process dies. kProviderUnavailable when it cannot be
// started, or moves no byte for so long; kIo when it succeeds without having taken all its input. Messages do not name
// the command.
Result<StreamedEnd> run_streamed(const StreamedCommand& command);

}  // namespace coffer::exec
