#include "coffer/cli/parser.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <numeric>

#include "coffer/base/text.h"

namespace coffer::cli {
namespace {

using Words = std::vector<std::string>;

constexpr std::string_view kCofferOperand = "COFFER";

bool looks_like_option(std::string_view word) { return word.size() > 1 && word.front() == '-'; }

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({row[j] + 1, row[j + 1] + 1, replaced}));
    }
  }
  return row.back();
}

// The one among `known` that was probably meant; empty if none is close.
std::string_view closest(std::string_view word, const std::vector<std::string_view>& known) {
  std::string_view best;
  size_t best_distance = 3;
  for (std::string_view candidate : known) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

Status usage_error(std::string_view what, std::string_view suggestion, std::string_view help_of) {
  const std::string see = fmt::format("coffer {}{}--help", help_of, help_of.empty() ? "" : " ");
  const std::string hint =
      suggestion.empty() ? fmt::format("see {}", see) : fmt::format("did you mean {}? see {}", suggestion, see);
  return {Code::kInvalidArgument, fmt::format("{}; {}", what, hint)};
}

// "Message." of a library → "message", as errors read here.
std::string house_style(std::string text) {
  while (!text.empty() && (text.back() == '.' || text.back() == '\n')) text.pop_back();
  if (text.size() > 1 && std::isupper(static_cast<unsigned char>(text[0])) != 0 && text[1] != '-') {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  return text;
}

bool is_group(std::string_view word) {
  return std::any_of(all_commands().begin(), all_commands().end(),
                     [&](const Command& command) { return command.name.starts_with(std::string(word) + " "); });
}

const Command* find_command(std::string_view name) {
  for (const Command& command : all_commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

}  // namespace

class CommandLineParser {
 public:
  CommandLineParser(const Words& words, const char* environment_coffer)
      : words_(words), environment_coffer_(environment_coffer) {}

  Result<Invocation> parse() {
    size_t next = 0;
    for (; next < words_.size() && looks_like_option(words_[next]); ++next) COFFER_TRY(general_flag(words_[next]));
    if (next < words_.size() && words_[next] == "help") {
      invocation_.request = Request::kHelp;
      ++next;
    }
    if (next == words_.size()) {
      if (invocation_.request != Request::kRun) return std::move(invocation_);
      return usage_error("expected a command", "", "");
    }
    COFFER_TRY(choose_command(next));
    if (invocation_.command == nullptr || invocation_.request != Request::kRun) return std::move(invocation_);
    COFFER_TRY(parse_rest(Words(words_.begin() + static_cast<ptrdiff_t>(next), words_.end())));
    return std::move(invocation_);
  }

 private:
  // Before the command.
  Status general_flag(const std::string& word) {
    if (word == "--help" || word == "-h") {
      invocation_.request = Request::kHelp;
    } else if (word == "--version") {
      invocation_.request = Request::kVersion;
    } else if (word == "--json") {
      invocation_.arguments.flags_["--json"] = "true";
    } else {
      return usage_error("unknown option " + word, closest(word, {"--help", "--version", "--json"}), "");
    }
    return Status::ok();
  }

  // Advances `next` past the command's name of one or two words.
  Status choose_command(size_t& next) {
    const std::string& first = words_[next++];
    invocation_.command = find_command(first);
    if (invocation_.command != nullptr) return Status::ok();
    std::vector<std::string_view> known;
    if (is_group(first)) {
      const std::string second = next < words_.size() ? words_[next] : "";
      if (invocation_.request == Request::kHelp || second == "--help" || second == "-h") {
        invocation_.command = find_command(first + " " + second);
        if (invocation_.command == nullptr) invocation_.group = first;
        invocation_.request = Request::kHelp;
        return Status::ok();
      }
      ++next;
      invocation_.command = find_command(first + " " + second);
      if (invocation_.command != nullptr) return Status::ok();
      for (const Command& command : all_commands()) {
        if (command.name.starts_with(first + " ")) known.push_back(command.name.substr(first.size() + 1));
      }
      return usage_error(fmt::format("{}: expected {} next{}", first, fmt::join(known, " or "),
                                     second.empty() ? "" : ", not " + second),
                         "", first);
    }
    for (const Command& command : all_commands()) known.push_back(command.name);
    return usage_error("unknown command " + first, closest(first, known), "");
  }

  Status parse_rest(Words words) {
    const Command& command = *invocation_.command;
    Words behind;  // "--"
    if (auto mark = std::find(words.begin(), words.end(), "--"); mark != words.end()) {
      behind.assign(mark + 1, words.end());
      words.erase(mark, words.end());
    }
    const Words before = words;
    auto flags_taken = parse_flags(std::move(words));
    if (invocation_.request == Request::kHelp) return Status::ok();
    if (command.takes_program && behind.empty()) return error_of_missing_program(before);
    COFFER_ASSIGN(Words operands, std::move(flags_taken));
    if (command.takes_program) {
      invocation_.arguments.program_ = std::move(behind);
    } else {
      operands.insert(operands.end(), behind.begin(), behind.end());
    }
    return bind_operands(std::move(operands));
  }

  // Whoever forgot the "--" is told where it goes: behind COFFER, unless the environment names that one.
  Status error_of_missing_program(Words words) const {
    const bool has_coffer = environment_coffer_ != nullptr && *environment_coffer_ != '\0';
    const size_t program_at = has_coffer ? 0 : 1;
    const bool is_plain = std::all_of(words.begin(), words.end(), [](const std::string& word) {
      return !word.empty() && word.find_first_of(" \t\n'\"\\$`;&|<>()*?[]{}~#!") == std::string::npos;
    });
    if (words.size() <= program_at || looks_like_option(words[0]) || looks_like_option(words[program_at]) ||
        !is_plain) {
      return error("expected -- and a program to run");
    }
    words.insert(words.begin() + static_cast<ptrdiff_t>(program_at), "--");
    return {Code::kInvalidArgument,
            fmt::format("{0}: expected -- and a program to run; put -- before it: coffer {0} {1}",
                        invocation_.command->name, fmt::join(words, " "))};
  }

  // Takes the flags out; what is left are operands.
  Result<Words> parse_flags(Words words) {
    const Command& command = *invocation_.command;
    std::vector<Flag> flags = flags_of(command);
    flags.push_back({"--json", "", ""});
    flags.push_back({"--help", "", "", {}, "-h"});
    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    std::vector<CLI::Option*> options;
    std::vector<std::string> values(flags.size());
    std::vector<Words> repeated(flags.size());
    for (size_t i = 0; i < flags.size(); ++i) {
      std::string names(flags[i].name);
      if (!flags[i].short_name.empty()) names += "," + std::string(flags[i].short_name);
      options.push_back(flags[i].value.empty() ? app.add_flag(names)
                        : flags[i].repeats     ? app.add_option(names, repeated[i])->allow_extra_args(false)
                                               : app.add_option(names, values[i]));
    }
    try {
      std::reverse(words.begin(), words.end());
      app.parse(std::move(words));
    } catch (const CLI::ParseError& e) {
      return parse_error(e.what(), flags);
    }
    for (size_t i = 0; i < flags.size(); ++i) {
      if (options[i]->count() == 0) continue;
      for (const std::string& value : repeated[i]) COFFER_TRY(check_value(flags[i], value));
      if (flags[i].repeats) invocation_.arguments.repeated_[std::string(flags[i].name)] = repeated[i];
      invocation_.arguments.flags_[std::string(flags[i].name)] = values[i];
      COFFER_TRY(flags[i].value.empty() ? check_switch(flags[i], options[i]->results())
                                        : check_value(flags[i], values[i]));
    }
    if (invocation_.arguments.has("--help")) invocation_.request = Request::kHelp;
    Words left = app.remaining();
    for (const std::string& word : left) COFFER_TRY(refuse_option(word, flags));
    return left;
  }

  Status refuse_option(const std::string& word, const std::vector<Flag>& flags) const {
    if (!looks_like_option(word)) return Status::ok();
    std::vector<std::string_view> known;
    for (const Flag& flag : flags) known.push_back(flag.name);
    const std::string name = word.substr(0, word.find('='));
    return usage_error(fmt::format("{}: unknown option {}", invocation_.command->name, name), closest(name, known),
                       invocation_.command->name);
  }

  // What the library says begins with the option's name: no value, or more than one.
  Status parse_error(const std::string& text, const std::vector<Flag>& flags) const {
    for (const Flag& flag : flags) {
      const bool named = text.starts_with(std::string(flag.name) + ":");
      if (named && !flag.value.empty()) return error(fmt::format("{}: expected one {}", flag.name, flag.value));
    }
    return error(house_style(text));
  }

  Status check_switch(const Flag& flag, const Words& given) const {
    const bool plain = std::all_of(given.begin(), given.end(), [](const std::string& word) { return word == "true"; });
    return plain ? Status::ok() : error(fmt::format("{} takes no value", flag.name));
  }

  Status check_value(const Flag& flag, const std::string& value) const {
    COFFER_TRY(check_characters(flag.name, value));
    // "--root --json" has forgotten the URI.
    if (value.starts_with("--")) return error(fmt::format("{}: expected {}, not {}", flag.name, flag.value, value));
    if (flag.choices.empty() || std::find(flag.choices.begin(), flag.choices.end(), value) != flag.choices.end()) {
      return Status::ok();
    }
    return error(fmt::format("{}: expected {}, not \"{}\"", flag.name, fmt::join(flag.choices, ", "), value));
  }

  // What is written into coffer.yaml and shown in tables. Not for PATHs, which an engine may have named.
  Status check_characters(std::string_view name, std::string_view value) const {
    if (!has_control(value)) return Status::ok();
    return error(fmt::format("{}: \"{}\" holds a control character", name, printable(value)));
  }

  Status bind_operands(Words words) {
    const std::vector<Operand>& declared = invocation_.command->operands;
    const bool open_ended = !declared.empty() && declared.back().any_number;
    const size_t needed = declared.size() - (open_ended ? 1 : 0);
    const bool opens_coffer = !declared.empty() && declared.front().name == kCofferOperand;
    if (const std::string* config = invocation_.arguments.find("--config"); config != nullptr && opens_coffer) {
      if (config->empty()) return error("--config is empty");
      words.insert(words.begin(), *config);
    }
    const bool one_short = open_ended ? words.empty() && needed == 1 : words.size() + 1 == needed;
    if (one_short && environment_coffer_ != nullptr && *environment_coffer_ != '\0' && opens_coffer) {
      words.insert(words.begin(), environment_coffer_);
    }
    if (words.size() < needed) return error("expected" + operands_text(*invocation_.command));
    if (words.size() > needed && !open_ended) return error(fmt::format("unexpected argument \"{}\"", words[needed]));
    auto& bound = invocation_.arguments.operands_;
    for (size_t i = 0; i < needed; ++i) {
      if (words[i].empty()) return error(fmt::format("{} is empty", declared[i].name));
      COFFER_TRY(check_characters(declared[i].name, words[i]));
      bound[std::string(declared[i].name)] = {words[i]};
    }
    if (open_ended)
      bound[std::string(declared.back().name)] = Words(words.begin() + static_cast<ptrdiff_t>(needed), words.end());
    return Status::ok();
  }

  Status error(const std::string& what) const {
    return usage_error(fmt::format("{}: {}", invocation_.command->name, what), "", invocation_.command->name);
  }

  const Words& words_;
  const char* environment_coffer_;
  Invocation invocation_;
};

Result<Invocation> parse_command_line(const Words& words, const char* environment_coffer) {
  return CommandLineParser(words, environment_coffer).parse();
}

bool wants_json(const Words& words) {
  const auto ours = std::find(words.begin(), words.end(), "--");
  return std::find(words.begin(), ours, "--json") != ours;
}

}  // namespace coffer::cli
