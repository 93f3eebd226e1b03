// A command of the `coffer` tool, as data: its name, operands, flags and examples make the parser, the help text and
// the usage errors; its function does the work.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/base/status.h"

namespace coffer::cli {

class Console;

struct Operand {
  std::string_view name;  // "COFFER"; what the function asks for
  std::string_view about;
  bool any_number = false;  // zero or more, last only: "[PATH…]"
};

struct Flag {
  std::string_view name;   // "--root"
  std::string_view value;  // what it takes: "URI"; empty: a switch
  std::string_view about;
  std::vector<std::string_view> choices = {};  // the only values allowed; empty: any
  std::string_view short_name = {};            // "-o"
  bool repeats = false;                        // may be given several times: Arguments::all()
};

// What the user gave, checked against the command's declaration.
class Arguments {
 public:
  // REQUIRES: the command declares the operand; it is there (any_number: ask list()).
  const std::string& operand(std::string_view name) const;
  const std::vector<std::string>& list(std::string_view name) const;
  bool has(std::string_view flag) const { return flags_.contains(std::string(flag)); }
  // Null when the flag was not given.
  const std::string* find(std::string_view flag) const;
  std::string value(std::string_view flag, std::string_view otherwise) const;
  // Of a flag that repeats: each value, in the order in which they were given.
  std::vector<std::string> all(std::string_view flag) const;
  // After "--": the program to run and its arguments.
  const std::vector<std::string>& program() const { return program_; }

 private:
  friend class CommandLineParser;
  std::map<std::string, std::vector<std::string>> operands_;
  std::map<std::string, std::string> flags_;
  std::map<std::string, std::vector<std::string>> repeated_;
  std::vector<std::string> program_;
};

// What the exit status says: 0 done, 1 problems found. A Status that is not ok makes it 2.
// A program that a command ran has its own.
enum class Outcome : int { kDone = 0, kProblemsFound = 1 };

struct Command {
  std::string_view name;  // "rotate root"
  std::string_view about;
  std::vector<Operand> operands;
  std::vector<Flag> flags;
  std::vector<std::string_view> examples;  // without the leading "coffer "
  Result<Outcome> (*run)(const Arguments&, Console&);
  bool takes_program = false;  // "-- PROGRAM [ARGUMENT…]" follows
};

// " COFFER [PATH…]": the operands as usage shows them.
std::string operands_text(const Command& command);

// Those that it declares, and those of every command that opens a coffer, but not --json and --help.
std::vector<Flag> flags_of(const Command& command);

// In the order of help.
std::span<const Command> all_commands();

// Shared declarations: every command that opens a coffer has them.
Operand coffer_operand();
Operand paths_operand();
Flag root_flag();
// For commands that open files: see open_coffer_for_paths().
Flag as_flag();

}  // namespace coffer::cli
