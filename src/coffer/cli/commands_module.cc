// The commands, all but the launching of programs: what libcoffer_commands.so shows to the executable.
#include "coffer/cli/commands_module.h"

#include <fmt/format.h>

#include <cstdlib>
#include <exception>

#include "coffer/cli/console.h"
#include "coffer/cli/help.h"
#include "coffer/cli/parser.h"
#include "coffer/crypto/backend.h"
#include "coffer/version.h"

namespace {

using namespace coffer;
using namespace coffer::cli;

constexpr int kExitFailed = 2;

Result<Outcome> print_version(Console& console) {
  auto backend = crypto_backend(Suite::kAes256Gcm);
  const std::string name = backend.is_ok() ? std::string((*backend)->name) : "unavailable";
  console.answer(Json{{"version", kVersion}, {"crypto", name}},
                 fmt::format("coffer {} (cryptography: {})\n", kVersion, name));
  return Outcome::kDone;
}

Result<Outcome> print_help(const Invocation& invocation, Console& console) {
  const std::string text =
      invocation.command != nullptr ? command_help(*invocation.command) : general_help(invocation.group);
  console.answer(Json::object({{"help", text}}), text);
  return Outcome::kDone;
}

Result<Outcome> run(const std::vector<std::string>& words, Console& console) {
  COFFER_ASSIGN(Invocation invocation, parse_command_line(words, std::getenv("COFFER")));
  if (invocation.request == Request::kVersion) return print_version(console);
  if (invocation.request == Request::kHelp) return print_help(invocation, console);
  return invocation.command->run(invocation.arguments, console);
}

Result<Outcome> run_catching(const std::vector<std::string>& words, Console& console) {
  try {
    return run(words, console);
  } catch (const std::bad_alloc&) {
    return {Code::kLimitExceeded, "out of memory"};
  } catch (const std::exception& e) {
    return {Code::kInternal, fmt::format("unexpected exception: {}", e.what())};
  }
}

}  // namespace

int coffer_commands(const std::vector<std::string>& words) {
  Console console(wants_json(words));
  auto outcome = run_catching(words, console);
  const Status finished = console.finish();
  if (!outcome.is_ok()) {
    console.report(outcome.status());
    return kExitFailed;
  }
  if (!finished.is_ok()) {
    console.report(finished);
    return kExitFailed;
  }
  return static_cast<int>(*outcome);
}
