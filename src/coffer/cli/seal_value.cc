// coffer seal-value: a password or token in a form that may stand in coffer.yaml.
#include <fmt/format.h>
#include <unistd.h>

#include "coffer/base/path.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/console.h"
#include "coffer/cli/opening.h"
#include "coffer/config/key_file.h"
#include "coffer/config/prompt.h"
#include "coffer/config/sealed_value.h"
#include "coffer/config/secret_source.h"

namespace coffer::cli {
namespace {

constexpr std::string_view kOptionEnd = "_sealed";

Result<SecretBytes> read_value(Console& console) {
  if (!Console::is_terminal(STDIN_FILENO)) return read_secret_from(STDIN_FILENO, kSealedSecretSizeMax);
  console.note("type the value, which is not shown, and Enter");
  return ask_secret(STDIN_FILENO, STDERR_FILENO, "", kSealedSecretSizeMax);
}

Result<Outcome> run_seal_value(const Arguments& arguments, Console& console) {
  std::string_view name = arguments.operand("OPTION");
  if (name.ends_with(kOptionEnd)) name.remove_suffix(kOptionEnd.size());
  const std::string* key_path = arguments.find("--key");
  if (key_path == nullptr || key_path->empty()) {
    return {Code::kInvalidArgument, "seal-value: --key FILE is needed; coffer keygen makes a key file"};
  }
  COFFER_ASSIGN(const KeyFile key, read_key_file(Disk::posix(), absolute_path(*key_path)));
  COFFER_ASSIGN(const SecretBytes value, read_value(console));
  if (value.empty()) return {Code::kInvalidArgument, "seal-value: the value, on standard input, is empty"};
  COFFER_ASSIGN(const std::string sealed, seal_value(key.key, name, value));
  const std::string option = std::string(name) + std::string(kOptionEnd);
  console.answer(Json{{"option", option}, {"value", sealed}}, sealed + "\n");
  console.note(fmt::format("in coffer.yaml: {}: the line above; it opens under this name and this key only", option));
  return Outcome::kDone;
}

}  // namespace

Command seal_value_command() {
  return {
      .name = "seal-value",
      .about = "seals a password or token, from standard input, so that it may stand in coffer.yaml",
      .operands = {{"OPTION", "what it is for, such as store_password: it opens under that name only"}},
      .flags = {{"--key", "FILE", "the key file that opens it, which coffer.yaml names as sealing_key (needed)"}},
      .examples = {"seal-value store_password --key /etc/coffer/sealing.key < password.txt",
                   "seal-value token --key /etc/coffer/sealing.key"},
      .run = run_seal_value,
  };
}

}  // namespace coffer::cli
