// coffer completion: a script for a shell.
#include "coffer/cli/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "coffer/cli/commands.h"
#include "coffer/cli/console.h"
#include "coffer/cli/text.h"

namespace coffer::cli {
namespace {

constexpr std::array kPathNames = {"COFFER", "CONFIG", "DIR", "DIRECTORY",  "FILE",
                                   "FROM",   "PATH",   "SOURCE", "MOUNTPOINT", "STORE"};

Result<Outcome> run_completion(const Arguments& arguments, Console& console) {
  const std::string& shell = arguments.operand("SHELL");
  std::string script;
  if (shell == "bash") {
    script = bash_completion();
  } else if (shell == "zsh") {
    script = zsh_completion();
  } else if (shell == "fish") {
    script = fish_completion();
  } else {
    return {Code::kInvalidArgument,
            fmt::format("completion: expected bash, zsh or fish, not \"{}\"", printable(shell))};
  }
  console.answer(Json{{"shell", shell}, {"script", script}}, script);
  return Outcome::kDone;
}

}  // namespace

bool is_path(std::string_view value) {
  return std::ranges::find(kPathNames, value.substr(0, value.find('['))) != kPathNames.end();
}

std::vector<CommandGroup> command_groups() {
  std::vector<CommandGroup> out;
  for (const Command& command : all_commands()) {
    const std::string_view word = command.name.substr(0, command.name.find(' '));
    const auto found = std::ranges::find(out, word, &CommandGroup::word);
    CommandGroup& group = found != out.end() ? *found : out.emplace_back(CommandGroup{word, {}});
    group.commands.push_back(&command);
  }
  return out;
}

std::string_view second_word(const Command& command) { return command.name.substr(command.name.find(' ') + 1); }

std::string about_group(const CommandGroup& group) {
  if (group.is_alone()) return std::string(group.commands.front()->about);
  std::string out;
  for (const Command* command : group.commands) {
    if (!out.empty()) out += ", ";
    out += second_word(*command);
  }
  return out;
}

std::vector<Flag> completed_flags(const Command& command) {
  std::vector<Flag> out = flags_of(command);
  out.push_back({"--json", "", "answer, and report errors, as JSON"});
  out.push_back({"--help", "", "what it does and takes", {}, "-h"});
  return out;
}

bool takes_paths(const Command& command) {
  return std::ranges::any_of(command.operands, [](const Operand& operand) { return is_path(operand.name); });
}

std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

Command completion_command() {
  return {
      .name = "completion",
      .about = "prints the script with which a shell completes commands, options and paths",
      .operands = {{"SHELL", "bash, zsh or fish"}},
      .flags = {},
      .examples = {"completion bash > /etc/bash_completion.d/coffer",
                   "completion zsh > /usr/local/share/zsh/site-functions/_coffer",
                   "completion fish > ~/.config/fish/completions/coffer.fish"},
      .run = run_completion,
  };
}

}  // namespace coffer::cli
