// coffer keyring show: versions, slots, domains, keys, stores. Never the bytes of a key.
#include <fmt/format.h>

#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"

namespace coffer::cli {
namespace {

Json key_json(const DomainKeyEntry& entry) {
  return {{"id", entry.id.hex()},
          {"version", entry.version},
          {"state", key_state_name(entry.state)},
          {"created", entry.created},
          {"activated", entry.activated},
          {"deactivated", entry.deactivated},
          {"compromised", entry.compromised},
          {"destroyed", entry.destroyed}};
}

Json keyring_json(const std::string& directory, const Keyring& keyring, const KeyringHeader& header,
                  const ProviderConfig& config) {
  Json slots = Json::array();
  for (const KeyringSlot& slot : header.slots) slots.push_back(slot_json(slot, config));
  Json domains = Json::array();
  for (const Domain& domain : keyring.domains()) {
    Json keys = Json::array();
    for (const DomainKeyEntry& entry : domain.keys) keys.push_back(key_json(entry));
    domains.push_back({{"name", domain.name}, {"keys", std::move(keys)}});
  }
  Json stores = Json::array();
  for (const StoreEntry& store : keyring.stores()) {
    stores.push_back({{"id", store.id.hex()}, {"created", store.created}, {"path", store.path},
                      {"node", store.node.empty() ? Json(nullptr) : Json(store.node)}});
  }
  const Json previous = keyring.ancestors().empty() ? Json(nullptr) : Json(to_hex(keyring.ancestors().front()));
  return {{"coffer", directory},         {"id", keyring.coffer_id().hex()}, {"version", keyring.version()},
          {"previous_sha256", previous}, {"created", keyring.created()},    {"updated", keyring.updated()},
          {"slots", std::move(slots)},   {"domains", std::move(domains)},   {"stores", std::move(stores)}};
}

// The last change of state that a key has gone through, as "deactivated 2024-05-01 12:00:00 UTC".
std::string ended_text(const DomainKeyEntry& entry) {
  if (entry.destroyed != 0) return "destroyed " + time_text(entry.destroyed);
  if (entry.compromised != 0) return "compromised " + time_text(entry.compromised);
  if (entry.deactivated != 0) return "deactivated " + time_text(entry.deactivated);
  return "";
}

std::string keyring_text(const std::string& place, const Keyring& keyring, const KeyringHeader& header,
                         const ProviderConfig& config) {
  using Align = Table::Align;
  std::string out = fmt::format("{}: version {} of coffer {}\n", printable(place), keyring.version(),
                                keyring.coffer_id().hex());
  out += fmt::format("  created {}, changed {}\n\n", time_text(keyring.created()), time_text(keyring.updated()));
  Table slots({Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft});
  slots.add({"SLOT", "CREATED", "ROOT KEY", "KEY"});
  for (const KeyringSlot& slot : header.slots) {
    slots.add({slot.id.short_hex(), time_text(slot.created),
               slot.root + ": " + printable(uri_of_root(slot.root, config)),
               printable(describe_root_key(slot, config))});
  }
  Table keys({Align::kLeft, Align::kRight, Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft});
  keys.add({"DOMAIN", "KEY", "ID", "STATE", "ACTIVATED", ""});
  for (const Domain& domain : keyring.domains()) {
    for (const DomainKeyEntry& entry : domain.keys) {
      keys.add({domain.name, fmt::to_string(entry.version), entry.id.short_hex(),
                std::string(key_state_name(entry.state)), time_text(entry.activated), ended_text(entry)});
    }
  }
  out += slots.text() + "\n" + keys.text();
  if (keyring.stores().empty()) return out;
  Table stores({Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft});
  stores.add({"STORE", "SINCE", "NODE", "PATH"});
  for (const StoreEntry& store : keyring.stores()) {
    stores.add({store.id.short_hex(), time_text(store.created), store.node, printable(store.path)});
  }
  return out + "\n" + stores.text();
}

Result<Outcome> run_keyring_show(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments, {.may_be_away = true}));
  const KeyringHeader header = *coffer->live_keyring().header();
  const auto keyring = coffer->keyring();
  const ProviderConfig config = provider_config_of(*coffer);
  console.answer(keyring_json(coffer->directory(), *keyring, header, config),
                 keyring_text(coffer->live_keyring().name(), *keyring, header, config));
  return Outcome::kDone;
}

}  // namespace

Command keyring_show_command() {
  return {
      .name = "keyring show",
      .about = "shows the keyring: its slots, domains, keys with their states and times, and stores",
      .operands = {coffer_operand()},
      .flags = {root_flag()},
      .examples = {"keyring show /var/lib/db.coffer", "keyring show /var/lib/db.coffer --json"},
      .run = run_keyring_show,
  };
}

}  // namespace coffer::cli
