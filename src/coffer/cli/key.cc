// coffer key list, coffer key show: domain keys, and what needs them.
#include <fmt/format.h>

#include "coffer/base/clock.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/key_json.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/ops/keys.h"
#include "coffer/ops/metrics.h"

namespace coffer::cli {
namespace {

Json time_json(uint64_t time) { return time == 0 ? Json(nullptr) : Json(time); }

// What was done with the key since it was made, where FILES and BYTES are what needs it now.
struct KeyPast {
  bool is_known = false;
  KeyCounts counts;
  KeyBudget left;  // of an active one
};

class KeyPasts {
 public:
  static Result<KeyPasts> of(Coffer& coffer, Console& console) {
    KeyPasts out;
    auto counts = coffer.usage().total();
    if (!counts.is_ok())
      console.note("nothing is known of what was written: " + printable(counts.status().to_string()));
    out.is_known_ = counts.is_ok();
    if (counts.is_ok()) out.counts_ = std::move(*counts);
    COFFER_ASSIGN(Config config, coffer.present_config());
    out.policy_ = std::move(config.policy);
    return out;
  }
  KeyPast operator()(const std::string& domain, const DomainKeyEntry& key) const {
    KeyPast out;
    out.is_known = is_known_;
    const auto found = counts_.find(key.id);
    if (found != counts_.end()) out.counts = found->second;
    if (is_known_ && key.state == KeyState::kActive)
      out.left = budget_left(key, policy_.of(domain), out.counts, now_seconds());
    return out;
  }

 private:
  bool is_known_ = false;
  CountsByKey counts_;
  Policy policy_;
};

Json number_json(const std::optional<uint64_t>& number) { return number ? Json(*number) : Json(nullptr); }

void add_past(const KeyPast& past, Json& to) {
  to["seals"] = past.is_known ? Json(past.counts.seals) : Json(nullptr);
  to["written"] = past.is_known ? Json(past.counts.bytes) : Json(nullptr);
  to["left"] = {{"percent", number_json(past.left.percent)},
                {"seconds", number_json(past.left.seconds)},
                {"seals", number_json(past.left.seals)},
                {"bytes", number_json(past.left.bytes)}};
}

std::string left_text(const KeyBudget& left) { return left.percent ? fmt::format("{}%", *left.percent) : "-"; }

Usage usage_of_key(const Inventory& inventory, const Id& key) {
  const auto found = inventory.by_key.find(key);
  return found == inventory.by_key.end() ? Usage{} : found->second;
}

Result<Outcome> run_key_list(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const Inventory inventory, take_inventory(*coffer, {}));
  COFFER_ASSIGN(const KeyPasts pasts, KeyPasts::of(*coffer, console));
  const auto keyring = coffer->keyring();
  using Align = Table::Align;
  Table table({Align::kLeft, Align::kRight, Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft, Align::kRight,
               Align::kRight, Align::kRight, Align::kRight, Align::kRight});
  table.add({"DOMAIN", "KEY", "ID", "STATE", "ACTIVATED", "EXPIRES", "FILES", "BYTES", "SEALS", "WRITTEN", "LEFT"});
  Json keys = Json::array();
  for (const Domain& domain : listed(*keyring)) {
    for (auto key = domain.keys.rbegin(); key != domain.keys.rend(); ++key) {
      if (!arguments.has("--history") && !is_in_use(*key, inventory)) continue;
      const Usage usage = usage_of_key(inventory, key->id);
      const KeyPast past = pasts(domain.name, *key);
      table.add({domain.name, fmt::to_string(key->version), key->id.short_hex(),
                 std::string(key_state_name(key->state)) + (domain.locked != 0 ? ", locked" : "") +
                     in_group_text(*keyring, domain),
                 time_text(key->activated), time_text(key->expires), fmt::to_string(usage.files),
                 size_text(usage.bytes), past.is_known ? fmt::to_string(past.counts.seals) : "-",
                 past.is_known ? size_text(past.counts.bytes) : "-", left_text(past.left)});
      Json line = key_json(domain.name, *key);
      line["locked"] = domain.locked != 0 ? Json(domain.locked) : Json(nullptr);
      line["group"] = group_json(*keyring, domain);
      add_past(past, line);
      line["files"] = usage.files;
      line["bytes"] = usage.bytes;
      keys.push_back(std::move(line));
    }
  }
  console.answer(Json::object({{"keys", std::move(keys)}}), table.text());
  return Outcome::kDone;
}

Result<Outcome> run_key_show(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const auto keyring = coffer->keyring();
  COFFER_ASSIGN(const FoundKey found, find_key(*keyring, arguments.operand("KEY")));
  const DomainKeyEntry& key = *found.entry;
  COFFER_ASSIGN(const Inventory inventory, take_inventory(*coffer, {}));
  const Usage usage = usage_of_key(inventory, key.id);
  COFFER_ASSIGN(const KeyPasts pasts, KeyPasts::of(*coffer, console));
  const KeyPast past = pasts(found.domain->name, key);
  Json answer = key_json(found.domain->name, key);
  answer["files"] = usage.files;
  answer["bytes"] = usage.bytes;
  answer["group"] = group_json(*keyring, *found.domain);
  add_past(past, answer);
  std::string text = fmt::format("key {} of domain {}\n  id           {}\n  state        {}\n", key.version,
                                 found.domain->name, key.id.hex(), key_state_name(key.state));
  for (const auto& [name, time] : {std::pair("created", key.created), std::pair("activated", key.activated),
                                   std::pair("expires", key.expires), std::pair("deactivated", key.deactivated),
                                   std::pair("compromised", key.compromised), std::pair("destroyed", key.destroyed)}) {
    text += fmt::format("  {:<11}  {}\n", name, time_text(time));
  }
  if (const KeyGroup* group = keyring->group_of(*found.domain)) {
    text += fmt::format("  key group    {}, of root {}\n", group->name, group->slots.front().root);
  }
  text += fmt::format("  needed by    {}, {}\n", count_text(usage.files, "file"), size_text(usage.bytes));
  if (past.is_known) {
    text += fmt::format("  used         sealed {}, {} written under it; left: {}\n",
                        count_text(past.counts.seals, "header"), size_text(past.counts.bytes), left_text(past.left));
  }
  console.answer(answer, text);
  return Outcome::kDone;
}

Flag key_history_flag() { return {"--history", "", "also keys that protect nothing any more"}; }

}  // namespace

Json key_json(const std::string& domain, const DomainKeyEntry& key) {
  return {{"domain", domain},
          {"version", key.version},
          {"id", key.id.hex()},
          {"state", key_state_name(key.state)},
          {"created", key.created},
          {"activated", time_json(key.activated)},
          {"expires", time_json(key.expires)},
          {"deactivated", time_json(key.deactivated)},
          {"compromised", time_json(key.compromised)},
          {"destroyed", time_json(key.destroyed)}};
}

Operand key_operand() { return {"KEY", "DOMAIN:NUMBER, as system:3, or the first digits of the key's id"}; }

Command key_list_command() {
  return {
      .name = "key list",
      .about = "lists the domain keys in use, with their states and what needs them",
      .operands = {coffer_operand()},
      .flags = {key_history_flag(), root_flag()},
      .examples = {"key list /var/lib/db.coffer", "key list /var/lib/db.coffer --history --json"},
      .run = run_key_list,
  };
}

Command key_show_command() {
  return {
      .name = "key show",
      .about = "shows a domain key: its state, the times of its life, and how many files need it",
      .operands = {coffer_operand(), key_operand()},
      .flags = {root_flag()},
      .examples = {"key show /var/lib/db.coffer system:3"},
      .run = run_key_show,
  };
}

}  // namespace coffer::cli
