// For bash, without its package of helpers.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "coffer/cli/completion.h"

namespace coffer::cli {
namespace {

// Finds the command, and what stands before the word to complete.
constexpr std::string_view kBashBegin = R"(# What bash completes after coffer. Made by: coffer completion bash
_coffer() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  local at=1 name= options= choices= kind= i
  COMPREPLY=()
  while ((at < COMP_CWORD)) && [[ ${COMP_WORDS[at]} == -* ]]; do ((at++)); done
  if ((at == COMP_CWORD)); then
)";

constexpr std::string_view kBashEnd = R"(  if [[ -n $choices ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
  elif [[ -n $kind && $kind != paths ]]; then
    return
  elif [[ -z $kind && $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
  elif [[ -n $kind || -n $operands ]]; then
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}
complete -F _coffer coffer
)";

std::string words_of_groups() {
  std::vector<std::string> words;
  for (const CommandGroup& group : command_groups()) words.emplace_back(group.word);
  return fmt::format("{}", fmt::join(words, " "));
}

std::string words_of(const CommandGroup& group) {
  std::vector<std::string_view> words;
  for (const Command* command : group.commands) words.push_back(second_word(*command));
  return fmt::format("{}", fmt::join(words, " "));
}

// Sets the name, or completes its second word.
std::string find_name() {
  std::string out = "  case ${COMP_WORDS[at]} in\n";
  for (const CommandGroup& group : command_groups()) {
    if (group.is_alone()) continue;
    out += fmt::format(
        "    {})\n      if ((COMP_CWORD == at + 1)); then\n"
        "        mapfile -t COMPREPLY < <(compgen -W {} -- \"$word\")\n        return\n      fi\n"
        "      name=\"${{COMP_WORDS[at]}} ${{COMP_WORDS[at + 1]}}\" ;;\n",
        group.word, shell_quoted(words_of(group)));
  }
  return out + "    *) name=${COMP_WORDS[at]} ;;\n  esac\n";
}

std::string case_of(const Command& command) {
  std::vector<std::string_view> names;
  std::string values;
  for (const Flag& flag : completed_flags(command)) {
    names.push_back(flag.name);
    if (flag.value.empty()) continue;
    const std::string also = flag.short_name.empty() ? "" : fmt::format(" | {}", flag.short_name);
    const std::string what = !flag.choices.empty()
                                 ? "choices=" + shell_quoted(fmt::format("{}", fmt::join(flag.choices, " ")))
                                 : std::string(is_path(flag.value) ? "kind=paths" : "kind=word");
    values += fmt::format("        {}{}) {} ;;\n", flag.name, also, what);
  }
  std::string out = fmt::format("    {})\n      options={}\n", shell_quoted(command.name),
                                shell_quoted(fmt::format("{}", fmt::join(names, " "))));
  if (takes_paths(command)) out += "      operands=paths\n";
  if (!values.empty()) out += "      case $before in\n" + values + "      esac\n";
  if (command.takes_program) {
    out +=
        "      for ((i = at + 1; i < COMP_CWORD; i++)); do\n"
        "        [[ ${COMP_WORDS[i]} == -- ]] || continue\n"
        "        options= choices= kind=paths\n"
        "        if ((i == COMP_CWORD - 1)); then\n"
        "          mapfile -t COMPREPLY < <(compgen -c -- \"$word\")\n"
        "          return\n        fi\n        break\n      done\n";
  }
  return out + "      ;;\n";
}

}  // namespace

std::string bash_completion() {
  std::string out(kBashBegin);
  out += fmt::format(
      "    mapfile -t COMPREPLY < <(compgen -W {} -- \"$word\")\n    return\n  fi\n  local operands=\n",
      shell_quoted(words_of_groups() + " help --help --version --json"));
  out += find_name() + "  case $name in\n";
  for (const Command& command : all_commands()) out += case_of(command);
  return out + "    *) return ;;\n  esac\n" + std::string(kBashEnd);
}

}  // namespace coffer::cli
