// What a shell completes after "coffer", made from the declarations of the commands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "coffer/cli/command.h"

namespace coffer::cli {

// Scripts for one shell each.
std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();

// What the word behind a flag, or in an operand's place, is: a path is completed, other things only the user knows.
bool is_path(std::string_view value);

// A word that some commands' names begin with ("rotate"), and those commands; or one command, alone.
struct CommandGroup {
  std::string_view word;
  std::vector<const Command*> commands;  // in the order of help
  bool is_alone() const { return commands.size() == 1 && commands.front()->name == word; }
};
std::vector<CommandGroup> command_groups();
// Its name without the group's word; "rotate root": "root".
std::string_view second_word(const Command& command);
// Of a group: what its commands are called. Of one command: what it does.
std::string about_group(const CommandGroup& group);
// Those that a shell should offer: the command's own, and those that all have.
std::vector<Flag> completed_flags(const Command& command);
bool takes_paths(const Command& command);

// In single quotes, as all shells here take it.
std::string shell_quoted(std::string_view text);

}  // namespace coffer::cli
