// coffer tenant lock, coffer tenant unlock: whether the files of a domain may be read and written at all.
#include <fmt/format.h>

#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/ops/keys.h"

namespace coffer::cli {
namespace {

Result<Outcome> run_tenant(const Arguments& arguments, Console& console, bool locks) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string& name = arguments.operand("NAME");
  COFFER_ASSIGN(const uint64_t since, locks ? lock_domain(*coffer, name) : unlock_domain(*coffer, name));
  const std::string text = locks ? fmt::format("domain {} is locked since {}\n", name, time_text(since))
                                 : fmt::format("domain {} is not locked\n", name);
  console.answer(Json{{"domain", name},
                      {"locked", since != 0 ? Json(since) : Json(nullptr)},
                      {"keyring_version", coffer->keyring()->version()}},
                 text);
  if (locks) console.note("what a program has in a cache of its own it goes on serving until that is emptied");
  return Outcome::kDone;
}

}  // namespace

Command tenant_lock_command() {
  return {
      .name = "tenant lock",
      .about = "makes reads and writes of a domain's files fail, here within a second, until it is unlocked",
      .operands = {coffer_operand(), {"NAME", "of the domain; not system"}},
      .flags = {root_flag()},
      .examples = {"tenant lock /var/lib/db.coffer tenant-7"},
      .run = [](const Arguments& arguments, Console& console) { return run_tenant(arguments, console, true); },
  };
}

Command tenant_unlock_command() {
  return {
      .name = "tenant unlock",
      .about = "lets the files of a locked domain be read and written again, those that are open too",
      .operands = {coffer_operand(), {"NAME", "of the domain"}},
      .flags = {root_flag()},
      .examples = {"tenant unlock /var/lib/db.coffer tenant-7"},
      .run = [](const Arguments& arguments, Console& console) { return run_tenant(arguments, console, false); },
  };
}

}  // namespace coffer::cli
