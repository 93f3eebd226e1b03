// For fish.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "coffer/cli/completion.h"

namespace coffer::cli {
namespace {

constexpr std::string_view kFishBegin = R"(# What fish completes after coffer. Made by: coffer completion fish
function __coffer_words
    string match --invert -- '-*' (commandline --tokenize --current-process --cut-at-cursor)[2..]
end
# The words before this one are these, and no others.
function __coffer_is
    set --local words (__coffer_words)
    test "$words" = "$argv"
end
# They begin with these.
function __coffer_in
    set --local words (__coffer_words)
    set --local count (count $argv)
    test (count $words) -ge $count; and test "$words[1..$count]" = "$argv"
end
complete --command coffer --no-files
)";

// Quotes and backslashes are the only characters that mean something between single quotes, and quotes are escaped
// in another way than by other shells.
std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string offered(std::string_view condition, std::string_view word, std::string_view about) {
  return fmt::format("complete --command coffer --condition {} --arguments {} --description {}\n",
                     fish_quoted(condition), fish_quoted(word), fish_quoted(about));
}

std::string lines_of(const Command& command) {
  const std::string in = fish_quoted(fmt::format("__coffer_in {}", command.name));
  std::string out;
  for (const Flag& flag : completed_flags(command)) {
    out += fmt::format("complete --command coffer --condition {} --long-option {}", in, flag.name.substr(2));
    if (!flag.short_name.empty()) out += fmt::format(" --short-option {}", flag.short_name.substr(1));
    if (!flag.choices.empty()) {
      out += fmt::format(" --exclusive --arguments {}", fish_quoted(fmt::format("{}", fmt::join(flag.choices, " "))));
    } else if (!flag.value.empty()) {
      out += is_path(flag.value) ? " --require-parameter --force-files" : " --exclusive";
    }
    out += fmt::format(" --description {}\n", fish_quoted(flag.about));
  }
  if (takes_paths(command) || command.takes_program) {
    out += fmt::format("complete --command coffer --condition {} --force-files\n", in);
  }
  return out;
}

}  // namespace

std::string fish_completion() {
  std::string out(kFishBegin);
  for (const CommandGroup& group : command_groups()) {
    out += offered("__coffer_is", group.word, about_group(group));
    if (group.is_alone()) continue;
    for (const Command* command : group.commands) {
      out += offered(fmt::format("__coffer_is {}", group.word), second_word(*command), command->about);
    }
  }
  for (const Command& command : all_commands()) out += lines_of(command);
  return out;
}

}  // namespace coffer::cli
