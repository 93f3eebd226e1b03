// The help texts, made from the declarations of the commands.
#pragma once

#include "coffer/cli/command.h"

namespace coffer::cli {

// All commands, or those whose name begins with the word `group`.
std::string general_help(std::string_view group);
std::string command_help(const Command& command);

}  // namespace coffer::cli
