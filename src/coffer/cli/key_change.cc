// coffer key activate, suspend, expire, revoke, compromise, destroy: the life of domain keys, by hand.
#include <fmt/format.h>

#include "coffer/cli/commands.h"
#include "coffer/cli/key_json.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/ops/keys.h"

namespace coffer::cli {
namespace {

Outcome answer_with(const ChangedKey& changed, const std::string& done, Console& console) {
  Json answer = key_json(changed.domain, changed.key);
  answer["active_version"] = changed.active ? Json(*changed.active) : Json(nullptr);
  answer["keyring_version"] = changed.keyring_version;
  std::string text = fmt::format("key {} of domain {} ({}): {}\n", changed.key.version, changed.domain,
                                 changed.key.id.short_hex(), done);
  if (changed.active != changed.key.version) {
    text += changed.active ? fmt::format("  key {} is active\n", *changed.active)
                           : fmt::format("  no key of the domain is active: coffer rotate domain\n");
  }
  console.answer(answer, text);
  return Outcome::kDone;
}

template <KeyState state>
Result<Outcome> run_change(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const ChangedKey changed, change_key(*coffer, arguments.operand("KEY"), state));
  const Outcome outcome = answer_with(changed, std::string(key_state_name(state)), console);
  if (state == KeyState::kDeactivated) console.note("coffer rewrap brings its files under the active key");
  if (state == KeyState::kCompromised) {
    console.note("who has the key has the keys of the files that it wrapped: coffer reencrypt gives them new ones");
  }
  return outcome;
}

Result<Outcome> run_key_expire(const Arguments& arguments, Console& console) {
  if (arguments.has("--at") == arguments.has("--never")) {
    return {Code::kInvalidArgument, "coffer key expire: expected either --at TIME or --never"};
  }
  uint64_t when = 0;
  if (const std::string* text = arguments.find("--at")) {
    COFFER_ASSIGN(when, parse_time(*text, "--at"));
  }
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const ChangedKey changed, expire_key(*coffer, arguments.operand("KEY"), when));
  return answer_with(
      changed,
      when == 0 ? "does not expire"
                : fmt::format("wraps nothing new from {} on; the next file then makes a fresh key", time_text(when)),
      console);
}

Result<Outcome> run_key_destroy(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const ChangedKey changed,
                destroy_key(*coffer, arguments.operand("KEY"),
                            {.mariadb = arguments.has("--unneeded-by-mariadb"),
                             .other_nodes = arguments.has("--unneeded-by-other-nodes")}));
  const Outcome outcome = answer_with(changed, "destroyed", console);
  console.note("older copies of the keyring still have it, for who has the root key of their time");
  return outcome;
}

}  // namespace

Command key_activate_command() {
  return {
      .name = "key activate",
      .about = "makes a suspended key the active one again; the active one is deactivated",
      .operands = {coffer_operand(), key_operand()},
      .flags = {root_flag()},
      .examples = {"key activate /var/lib/db.coffer system:3"},
      .run = run_change<KeyState::kActive>,
  };
}

Command key_suspend_command() {
  return {
      .name = "key suspend",
      .about = "lets a key wrap nothing new until it is activated again; a fresh key takes its place",
      .operands = {coffer_operand(), key_operand()},
      .flags = {root_flag()},
      .examples = {"key suspend /var/lib/db.coffer system:3"},
      .run = run_change<KeyState::kSuspended>,
  };
}

Command key_expire_command() {
  return {
      .name = "key expire",
      .about = "sets the date from which a key wraps nothing new; it goes on unwrapping",
      .operands = {coffer_operand(), key_operand()},
      .flags = {{"--at", "TIME", "2030-01-01, \"2030-01-01 12:00:00\" (UTC), or Unix seconds"},
                {"--never", "", "it has no such date any more"},
                root_flag()},
      .examples = {"key expire /var/lib/db.coffer system:3 --at 2030-01-01",
                   "key expire /var/lib/db.coffer system:3 --never"},
      .run = run_key_expire,
  };
}

Command key_revoke_command() {
  return {
      .name = "key revoke",
      .about = "deactivates a key for ever, at once: it goes on unwrapping, and a fresh key takes its place",
      .operands = {coffer_operand(), key_operand()},
      .flags = {root_flag()},
      .examples = {"key revoke /var/lib/db.coffer system:3"},
      .run = run_change<KeyState::kDeactivated>,
  };
}

Command key_compromise_command() {
  return {
      .name = "key compromise",
      .about = "says that somebody else may know a key: revokes it, and its files need new keys of their own",
      .operands = {coffer_operand(), key_operand()},
      .flags = {root_flag()},
      .examples = {"key compromise /var/lib/db.coffer system:3"},
      .run = run_change<KeyState::kCompromised>,
  };
}

Command key_destroy_command() {
  return {
      .name = "key destroy",
      .about = "erases a key that is deactivated or compromised and that nothing needs any more",
      .operands = {coffer_operand(), key_operand()},
      .flags = {{"--unneeded-by-mariadb", "", "of a domain that coffer.yaml lists for a MariaDB server: it needs it no "
                                              "more"},
                {"--unneeded-by-other-nodes", "", "of a coffer that nodes share: no file on another one needs it"},
                root_flag()},
      .examples = {"key destroy /var/lib/db.coffer system:2"},
      .run = run_key_destroy,
  };
}

}  // namespace coffer::cli
