// The help texts, and what manual pages have in common with them, made from the declarations of the commands.
#pragma once

#include "coffer/cli/command.h"

namespace coffer::cli {

// All commands, or those whose name begins with the word `group`.
std::string general_help(std::string_view group);
std::string command_help(const Command& command);

struct HelpLine {
  std::string what, about;
};
std::string usage(const Command& command);  // "coffer rotate root COFFER [OPTION…]"
std::vector<HelpLine> operand_lines(const Command& command);
std::vector<HelpLine> flag_lines(const Command& command);
// What is the same for all, in lines: where answers go, and what the exit status says.
std::string_view help_ending();

}  // namespace coffer::cli
