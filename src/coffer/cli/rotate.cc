// coffer rotate root, coffer rotate domain: fresh keys. Neither touches a store, unless --rewrap asks for it.
#include <fmt/format.h>

#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/rewrapping.h"
#include "coffer/cli/text.h"
#include "coffer/ops/rollouts.h"
#include "coffer/ops/slots.h"
#include "coffer/providers/registry.h"

namespace coffer::cli {
namespace {

Result<Outcome> run_rotate_root(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string to = arguments.value("--to", "");
  if (arguments.has("--to") && to.empty()) return {Code::kInvalidArgument, "--to: expected a root's name or a URI"};
  COFFER_ASSIGN(const RootRotation done, rotate_root(*coffer, to, open_provider));
  const KeyringHeader header = *coffer->live_keyring().header();
  const KeyringSlot& slot = header.slots.front();
  const ProviderConfig config = provider_config_of(*coffer);
  console.answer(
      Json{{"keyring_version", header.version}, {"root", slot_json(slot, config)}},
      fmt::format("the keyring (now version {}) has a fresh key, wrapped by root {}\n  {}\n  {}\n", header.version,
                  slot.root, printable(uri_of_root(slot.root, config)), printable(describe_root_key(slot, config))));
  for (const std::string& name : done.removed) {
    console.note(fmt::format("root {} may not lock this coffer any more: it was taken out of {}", name,
                             printable(coffer->config_path())));
  }
  console.note("backups of the keyring made before still need the root key of that time");
  return Outcome::kDone;
}

Result<Outcome> begin_canary(Coffer& coffer, const std::string& name, Console& console) {
  COFFER_ASSIGN(const uint32_t version, begin_rollout(coffer, name));
  COFFER_ASSIGN(const std::vector<RolloutStanding> standings, rollout_standings(coffer, name));
  const RolloutStanding& begun = standings.front();
  console.answer(Json{{"domain", name},
                      {"key", {{"version", version}}},
                      {"share_thousandths", begun.rollout.share},
                      {"nodes", begun.nodes},
                      {"keyring_version", coffer.keyring()->version()}},
                 fmt::format("domain {}: key {} is used by {} of the nodes first, {}\n", name, version,
                             share_text(begun.rollout.share), count_text(begun.nodes.size(), "node")));
  console.note("once they are well: coffer rollout advance COFFER " + name);
  return Outcome::kDone;
}

Result<Outcome> run_rotate_domain(const Arguments& arguments, Console& console) {
  if (arguments.has("--canary") && arguments.has("--rewrap")) {
    return {Code::kInvalidArgument, "--rewrap: not with --canary; rewrap once every node uses the new key"};
  }
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string& name = arguments.operand("NAME");
  if (arguments.has("--canary")) return begin_canary(*coffer, name, console);
  Id made;
  uint32_t version = 0;
  const Status rotated = coffer->live_keyring().update([&](Keyring& keyring) -> Status {
    COFFER_TRY(keyring.rotate_domain(name, now_seconds()));
    const DomainKeyEntry* active = keyring.find_domain(name)->active();
    made = active->id;
    version = active->version;
    return Status::ok();
  });
  COFFER_TRY(rotated);
  Json answer = {{"domain", name},
                 {"key", {{"id", made.hex()}, {"version", version}}},
                 {"keyring_version", coffer->keyring()->version()}};
  std::string text = fmt::format("domain {}: key {} ({}) is active\n", name, version, made.short_hex());
  Outcome outcome = Outcome::kDone;
  if (arguments.has("--rewrap")) {
    COFFER_ASSIGN(const Rewrapping done, rewrap_with_progress(*coffer, {}, name, console));
    answer["rewrap"] = done.json();
    text += done.text();
    outcome = done.outcome();
  }
  console.answer(answer, text);
  return outcome;
}

}  // namespace

Command rotate_root_command() {
  return {
      .name = "rotate root",
      .about = "seals the keyring under a fresh key, in every slot; no store is touched",
      .operands = {coffer_operand()},
      .flags = {{"--to", "ROOT", "the first slot goes over to another root key: its name in coffer.yaml, or a URI"},
                root_flag()},
      .examples = {"rotate root /var/lib/db.coffer --to file:///etc/coffer/root-2.key",
                   "rotate root /var/lib/db.coffer --to root-2", "rotate root /var/lib/db.coffer"},
      .run = run_rotate_root,
  };
}

Command rotate_domain_command() {
  return {
      .name = "rotate domain",
      .about = "gives a domain a fresh key: new files use it at once, in running programs too",
      .operands = {coffer_operand(), {"NAME", "the domain: system, or one of coffer domain list"}},
      .flags = {{"--rewrap", "", "then bring the domain's old files under it, as coffer rewrap does"},
                {"--canary", "", "a first share of the nodes uses it, and coffer rollout advance has more do so"},
                root_flag()},
      .examples = {"rotate domain /var/lib/db.coffer system --rewrap", "rotate domain /var/lib/db.coffer tenant-7",
                   "rotate domain /var/lib/db.coffer system --canary"},
      .run = run_rotate_domain,
  };
}

}  // namespace coffer::cli
