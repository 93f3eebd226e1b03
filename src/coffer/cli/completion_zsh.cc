// For zsh: what _describe and _arguments of its own completion system take.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "coffer/cli/completion.h"

namespace coffer::cli {
namespace {

// In a specification of _arguments, or of _describe: these end a part of it.
std::string zsh_part(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string described(std::string_view word, std::string_view about) {
  return shell_quoted(fmt::format("{}:{}", zsh_part(word, ":"), about)) + "\n";
}

// ":FILE:_files" and the like.
std::string value_of(std::string_view value, const std::vector<std::string_view>& choices) {
  const std::string name = zsh_part(value, ":");
  if (!choices.empty()) return fmt::format(":{}:({})", name, fmt::join(choices, " "));
  return fmt::format(":{}:{}", name, is_path(value) ? "_files" : " ");
}

std::string arguments_of(const Command& command) {
  std::string out = "      _arguments -S";
  for (const Flag& flag : completed_flags(command)) {
    const std::string rest =
        fmt::format("[{}]{}", zsh_part(flag.about, "[]"), flag.value.empty() ? "" : value_of(flag.value, flag.choices));
    const std::string both = flag.short_name.empty() ? "" : fmt::format("({} {})", flag.short_name, flag.name);
    for (const std::string_view name : {flag.name, flag.short_name}) {
      if (!name.empty()) out += " \\\n        " + shell_quoted(fmt::format("{}{}{}", both, name, rest));
    }
  }
  for (const Operand& operand : command.operands) {
    out += " \\\n        " + shell_quoted((operand.any_number ? "*" : "") + value_of(operand.name, {}));
  }
  if (command.takes_program) out += " \\\n        '*::PROGRAM:_normal'";
  return out + " ;;\n";
}

}  // namespace

std::string zsh_completion() {
  std::string out = "#compdef coffer\n# What zsh completes after coffer. Made by: coffer completion zsh\n_coffer() {\n"
                    "  local -a found\n  local name=${words[2]}\n  if ((CURRENT == 2)); then\n    found=(\n";
  const std::vector<CommandGroup> groups = command_groups();
  for (const CommandGroup& group : groups) out += "      " + described(group.word, about_group(group));
  out += "    )\n    _describe command found\n    return\n  fi\n  case $name in\n";
  for (const CommandGroup& group : groups) {
    if (group.is_alone()) continue;
    out += fmt::format("    {})\n      if ((CURRENT == 3)); then\n        found=(\n", group.word);
    for (const Command* command : group.commands) {
      out += "          " + described(second_word(*command), command->about);
    }
    out += "        )\n        _describe command found\n        return\n      fi\n"
           "      name=\"$name ${words[3]}\"\n      shift words\n      ((CURRENT--)) ;;\n";
  }
  out += "  esac\n  shift words\n  ((CURRENT--))\n  case $name in\n";
  for (const Command& command : all_commands()) {
    out += fmt::format("    {})\n", shell_quoted(command.name)) + arguments_of(command);
  }
  return out + "  esac\n}\n_coffer \"$@\"\n";
}

}  // namespace coffer::cli
