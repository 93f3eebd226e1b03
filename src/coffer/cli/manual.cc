// coffer manual: manual pages in roff's language, made from what --help is made of. One for each command, and one that
// names them all.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "coffer/base/path.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/console.h"
#include "coffer/cli/help.h"
#include "coffer/cli/text.h"
#include "coffer/io/disk.h"
#include "coffer/version.h"

namespace coffer::cli {
namespace {

// Text of ours as roff takes it: dashes that can be copied, and nothing at the beginning of a line that would be taken
// for a request.
std::string roff(std::string_view text) {
  std::string out;
  bool at_start = true;
  for (const char c : text) {
    if (at_start && (c == '.' || c == '\'')) out += "\\&";
    at_start = c == '\n';
    if (c == '-') {
      out += "\\-";
    } else if (c == '\\') {
      out += "\\e";
    } else {
      out += c;
    }
  }
  return out;
}

std::string page_name(std::string_view command) {
  std::string out = fmt::format("coffer-{}", command);
  std::ranges::replace(out, ' ', '-');
  return out;
}

std::string page_head(std::string_view page, std::string_view about) {
  std::string title(page);
  for (char& c : title) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return fmt::format(".\\\" -*- coding: utf-8 -*-\n.TH {} 1 \"\" \"coffer {}\" \"Coffer\"\n.SH NAME\n{} \\- {}\n",
                     roff(title), kVersion, roff(page), roff(about));
}

std::string section_of(std::string_view title, const std::vector<HelpLine>& lines) {
  if (lines.empty()) return {};
  std::string out = fmt::format(".SH {}\n", title);
  for (const auto& [what, about] : lines) out += fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(what), roff(about));
  return out;
}

std::string ending_section() {
  std::string out = ".SH NOTES";
  for (const char c : roff(help_ending())) out += c == '\n' ? std::string("\n.PP\n") : std::string(1, c);
  return out;
}

// Those whose names begin with the same word.
std::string see_also(const Command& command) {
  std::string out = ".SH SEE ALSO\n\\fBcoffer\\fR(1)";
  const std::string group(command.name.substr(0, command.name.find(' ')));
  for (const Command& other : all_commands()) {
    if (other.name == command.name || !other.name.starts_with(group + " ")) continue;
    out += fmt::format(",\n\\fB{}\\fR(1)", roff(page_name(other.name)));
  }
  return out + "\n";
}

std::string command_page(const Command& command) {
  std::string out = page_head(page_name(command.name), command.about);
  out += fmt::format(".SH SYNOPSIS\n\\fB{}\\fR\n", roff(usage(command)));
  out += section_of("OPERANDS", operand_lines(command)) + section_of("OPTIONS", flag_lines(command));
  out += ".SH EXAMPLES\n.nf\n";
  for (const std::string_view example : command.examples) out += fmt::format("coffer {}\n", roff(example));
  return out + ".fi\n" + ending_section() + see_also(command);
}

std::string general_page() {
  std::string out = page_head("coffer", "encryption at rest for storage engines");
  out += ".SH SYNOPSIS\n\\fBcoffer COMMAND [OPERAND…] [OPTION…]\\fR\n.br\n\\fBcoffer COMMAND \\-\\-help\\fR\n";
  std::vector<HelpLine> lines;
  for (const Command& command : all_commands()) {
    lines.push_back({"coffer " + std::string(command.name), std::string(command.about)});
  }
  out += section_of("COMMANDS", lines) + ending_section();
  return out + ".SH SEE ALSO\nEach command has a page of its own, such as\n\\fBcoffer\\-init\\fR(1).\n";
}

Result<Outcome> run_manual(const Arguments& arguments, Console& console) {
  const std::string directory = absolute_path(arguments.operand("DIR"));
  const auto write = [&](const std::string& page, const std::string& text) {
    return replace_file(Disk::posix(), directory + "/" + page + ".1", as_bytes(text), 0644);
  };
  COFFER_TRY(write("coffer", general_page()));
  size_t count = 1;
  for (const Command& command : all_commands()) {
    COFFER_TRY(write(page_name(command.name), command_page(command)));
    ++count;
  }
  console.answer(Json{{"directory", directory}, {"pages", count}},
                 fmt::format("{} in {}\n", count_text(count, "page"), printable(directory)));
  return Outcome::kDone;
}

}  // namespace

Command manual_command() {
  return {
      .name = "manual",
      .about = "writes the manual pages, which say what --help says, into a directory",
      .operands = {{"DIR", "a directory that is there; pages in it are replaced"}},
      .flags = {},
      .examples = {"manual /usr/local/share/man/man1"},
      .run = run_manual,
  };
}

}  // namespace coffer::cli
