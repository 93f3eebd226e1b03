#include "coffer/cli/help.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "coffer/cli/text.h"

namespace coffer::cli {
namespace {

constexpr std::string_view kEnding = R"(
COFFER is the coffer's directory or its configuration file; it may be left out where the environment's COFFER names it.
The answer goes to standard output, everything else to standard error.
Exit status: 0 done, 1 problems found, 2 failed.
)";

std::string flag_about(const Flag& flag) {
  if (flag.choices.empty()) return std::string(flag.about);
  return fmt::format("{}: {}", flag.about, fmt::join(flag.choices, ", "));
}

std::string flag_names(const Flag& flag) {
  std::string out;
  if (!flag.short_name.empty()) out += fmt::format("{}, ", flag.short_name);
  out += flag.name;
  if (!flag.value.empty()) out += fmt::format(" {}", flag.value);
  return out;
}

}  // namespace

std::string usage(const Command& command) {
  std::string out = fmt::format("coffer {}{} [OPTION…]", command.name, operands_text(command));
  if (command.takes_program) out += " -- PROGRAM [ARGUMENT…]";
  return out;
}

std::vector<HelpLine> operand_lines(const Command& command) {
  std::vector<HelpLine> out;
  for (const Operand& operand : command.operands) {
    out.push_back({std::string(operand.name), std::string(operand.about)});
  }
  return out;
}

std::vector<HelpLine> flag_lines(const Command& command) {
  std::vector<HelpLine> out;
  for (const Flag& flag : flags_of(command)) out.push_back({flag_names(flag), flag_about(flag)});
  out.push_back({"--json", "answer, and report errors, as JSON"});
  out.push_back({"-h, --help", "this text"});
  return out;
}

std::string_view help_ending() { return kEnding; }

std::string general_help(std::string_view group) {
  std::string out = "coffer: encryption at rest for storage engines\n\n";
  Table table({Table::Align::kLeft, Table::Align::kLeft});
  for (const Command& command : all_commands()) {
    if (!group.empty() && !command.name.starts_with(std::string(group) + " ")) continue;
    table.add({"  coffer " + std::string(command.name), std::string(command.about)});
  }
  out += table.text();
  if (group.empty()) {
    out += "\nMore about one of them: coffer COMMAND --help. Every command takes --json.\n";
  }
  return out + std::string(kEnding);
}

std::string command_help(const Command& command) {
  std::string out = fmt::format("{}\n\nusage: {}\n\n", command.about, usage(command));
  Table table({Table::Align::kLeft, Table::Align::kLeft});
  for (const auto& [what, about] : operand_lines(command)) table.add({"  " + what, about});
  for (const auto& [what, about] : flag_lines(command)) table.add({"  " + what, about});
  out += table.text() + "\nexamples:\n";
  for (std::string_view example : command.examples) out += fmt::format("  coffer {}\n", example);
  return out + std::string(kEnding);
}

}  // namespace coffer::cli
