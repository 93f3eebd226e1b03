// From words on the command line to a command and its checked arguments.
#pragma once

#include "coffer/cli/command.h"

namespace coffer::cli {

enum class Request { kRun, kHelp, kVersion };

struct Invocation {
  Request request = Request::kRun;
  const Command* command = nullptr;  // null for a general --help or --version
  std::string group;                 // help asked for all commands that begin with this word; empty: all
  Arguments arguments;
};

// `environment_coffer`: the value of $COFFER, null if unset. It stands in for the operand COFFER where that leaves no
// doubt: when exactly one operand is missing, and for commands with [PATH…] when no operand is given at all.
Result<Invocation> parse_command_line(const std::vector<std::string>& words, const char* environment_coffer);

// Is --json among the words meant for us? Known before parsing, so that parse errors have the right form.
bool wants_json(const std::vector<std::string>& words);

}  // namespace coffer::cli
