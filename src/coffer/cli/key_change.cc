// coffer key activate, suspend, expire, revoke, compromise, destroy: the life of domain keys, by hand.
#include <fmt/format.h>

#include <chrono>
#include <thread>

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

// How often --wait looks at what the nodes say.
constexpr std::chrono::seconds kAnswersLookAgain{1};
constexpr size_t kHeldUpShown = 8;

std::string all_held_up_text(const std::vector<HeldUp>& held_up_by) {
  std::string out;
  for (size_t i = 0; i < std::min(held_up_by.size(), kHeldUpShown); ++i) {
    out += (i == 0 ? "" : "; ") + coffer::held_up_text(held_up_by[i]);
  }
  return held_up_by.size() <= kHeldUpShown ? out : fmt::format("{}; {} more", out, held_up_by.size() - kHeldUpShown);
}

// Whether the nodes are asked about it still.
Result<bool> is_asked_about(Coffer& coffer, const std::string& known) {
  COFFER_TRY(coffer.live_keyring().refresh());
  const auto keyring = coffer.keyring();
  COFFER_ASSIGN(const FoundKey key, find_key(*keyring, known));
  return keyring->find_question(key.entry->id) != nullptr;
}

// Waits until all nodes say that they do not need it, if it is to.
Result<ChangedKey> destroy_asking(Coffer& coffer, const Arguments& arguments, Console& console) {
  UnneededBy unneeded{arguments.has("--unneeded-by-mariadb"), arguments.has("--unneeded-by-other-nodes"), {}};
  for (std::string& node : arguments.all("--unneeded-by")) unneeded.nodes.insert(std::move(node));
  const std::string& key = arguments.operand("KEY");
  const bool waits = arguments.has("--wait");
  std::string told;
  for (;; std::this_thread::sleep_for(kAnswersLookAgain)) {
    COFFER_ASSIGN(const bool is_asked, is_asked_about(coffer, key));
    if (!told.empty() && !is_asked) {
      return {Code::kConflict, "somebody else has withdrawn the question meanwhile, or has destroyed the key"};
    }
    auto done = destroy_key(coffer, key, unneeded);
    if (waits && done.code() == Code::kConflict) continue;
    COFFER_TRY(done.status());
    if (done->done) return std::move(*done->done);
    const std::string why =
        fmt::format("key {}: the other nodes were asked: {}", key, all_held_up_text(done->held_up_by));
    if (!waits) {
      return {Code::kBusy, why + "; each answers by coffer agent, or by coffer node answer; repeat the command then, "
                                 "or let it --wait; where one cannot, and does not need the key: --unneeded-by NODE"};
    }
    if (why != std::exchange(told, why)) console.note(printable(why));
  }
}

Result<Outcome> ask_no_more(Coffer& coffer, const std::string& known, Console& console) {
  COFFER_TRY(coffer.live_keyring().refresh());
  const auto keyring = coffer.keyring();
  COFFER_ASSIGN(const FoundKey key, find_key(*keyring, known));
  COFFER_TRY(withdraw_question(coffer, key.entry->id));
  Json answer = key_json(key.domain->name, *key.entry);
  answer["keyring_version"] = coffer.keyring()->version();
  console.answer(answer, fmt::format("key {} of domain {}: no node is asked about it any more\n", key.entry->version,
                                     key.domain->name));
  return Outcome::kDone;
}

Result<Outcome> run_key_destroy(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  if (arguments.has("--withdraw")) return ask_no_more(*coffer, arguments.operand("KEY"), console);
  COFFER_ASSIGN(const ChangedKey changed, destroy_asking(*coffer, arguments, console));
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
                {.name = "--unneeded-by",
                 .value = "NODE",
                 .about = "it needs it no more: is not waited for, as where it cannot answer; may be repeated",
                 .repeats = true},
                {"--unneeded-by-other-nodes", "", "of a keyring in etcd that lists no other nodes: no file of theirs "
                                                  "needs it"},
                {"--wait", "", "until the other nodes have said that no file of theirs needs it"},
                {"--withdraw", "", "destroys nothing: other nodes are not asked about it any more"},
                root_flag()},
      .examples = {"key destroy /var/lib/db.coffer system:2", "key destroy /var/lib/db.coffer system:2 --wait"},
      .run = run_key_destroy,
  };
}

}  // namespace coffer::cli
