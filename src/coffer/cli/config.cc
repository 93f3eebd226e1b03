// coffer config …: sealed values in the configuration of a program that uses a coffer.
#include "coffer/base/path.h"
#include "coffer/base/text.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/secret_input.h"
#include "coffer/cli/text.h"
#include "coffer/config/sealed_value.h"
#include "coffer/ops/config_values.h"

namespace coffer::cli {
namespace {

constexpr size_t kProgramConfigSizeMax = size_t{16} << 20;

Result<Outcome> run_config_seal(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const SecretBytes value, read_secret_input(console, kSealedSecretSizeMax));
  if (value.empty()) return {Code::kInvalidArgument, "config seal: the value, on standard input, is empty"};
  COFFER_ASSIGN(const std::string sealed, seal_config_value(*coffer, arguments.operand("NAME"), value));
  console.answer(Json{{"option", arguments.operand("NAME")}, {"value", sealed}}, sealed + "\n");
  return Outcome::kDone;
}

std::set<std::string> names_in(std::string_view list) {
  std::set<std::string> out;
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    out.emplace(trimmed(list.substr(0, end)));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return out;
}

Result<Outcome> run_config_open(const Arguments& arguments, Console& console) {
  const std::string path = absolute_path(arguments.operand("FILE"));
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const Bytes text, read_file(coffer->disk(), path, kProgramConfigSizeMax));
  auto opened = open_config_text(*coffer, as_text(text), names_in(arguments.value("--sealed", "")));
  if (!opened.is_ok()) return opened.status().with_context(path);
  console.answer(Json{{"file", path}, {"text", *opened}}, *opened);
  return Outcome::kDone;
}

}  // namespace

Command config_seal_command() {
  return {
      .name = "config seal",
      .about = "seals a password or token, from standard input, for the configuration of a program with this coffer",
      .operands = {coffer_operand(), {"NAME", "of its option there: it opens under that name only"}},
      .flags = {root_flag()},
      .examples = {"config seal /var/lib/db.coffer keystore_password < password"},
      .run = run_config_seal,
  };
}

Command config_open_command() {
  return {
      .name = "config open",
      .about = "prints a configuration file with its sealed values in clear, for a program that cannot open them",
      .operands = {coffer_operand(), {"FILE", "the configuration, of any form that has an option on a line"}},
      .flags = {{"--sealed", "NAMES", "options, with commas between, whose values must be sealed: else an error"},
                root_flag()},
      .examples = {"config open /var/lib/db.coffer /etc/db/db.yaml --sealed keystore_password,token"},
      .run = run_config_open,
  };
}

}  // namespace coffer::cli
