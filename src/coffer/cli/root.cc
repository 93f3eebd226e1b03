// coffer root add|list|remove: which root keys may lock a coffer.
#include <fmt/format.h>

#include <algorithm>

#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/ops/roots.h"
#include "coffer/providers/registry.h"

namespace coffer::cli {
namespace {

Result<Outcome> run_root_add(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const std::string name,
                add_root(*coffer, arguments.operand("NAME"), arguments.operand("URI"), open_provider));
  const std::string uri = uri_of_root(name, provider_config_of(*coffer));
  console.answer(Json{{"root", name}, {"uri", uri}}, fmt::format("root {}: {}\n", name, printable(uri)));
  console.note(fmt::format("it may lock the coffer now; coffer rotate root --to {} goes over to it", name));
  return Outcome::kDone;
}

Result<Outcome> run_root_list(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments, {.may_be_away = true}));
  COFFER_ASSIGN(const ProviderConfig config, coffer->provider_config());
  const std::vector<KeyringSlot> slots = coffer->live_keyring().header()->slots;
  Table table({Table::Align::kLeft, Table::Align::kLeft, Table::Align::kLeft, Table::Align::kLeft});
  table.add({"ROOT", "", "URI", "PINNED TO"});
  Json roots = Json::array();
  for (const auto& [name, setting] : config.roots) {
    const bool in_use = std::ranges::any_of(slots, [&](const KeyringSlot& slot) { return slot.root == name; });
    const std::string uri = format_provider_uri(setting.uri);
    const std::string& pin = setting.fingerprint;
    table.add({name, in_use ? "in use" : "", printable(uri), pin.empty() ? "" : "fingerprint " + pin});
    roots.push_back(
        {{"name", name}, {"uri", uri}, {"fingerprint", pin.empty() ? Json(nullptr) : Json(pin)}, {"in_use", in_use}});
  }
  console.answer(Json::object({{"roots", std::move(roots)}}), table.text());
  return Outcome::kDone;
}

Result<Outcome> run_root_remove(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string& name = arguments.operand("NAME");
  COFFER_TRY(remove_root(*coffer, name));
  console.answer(Json{{"root", name}}, fmt::format("root {} may not lock this coffer any more\n", name));
  console.note("keyrings that it locked, in backups, need it: keep the key as long as those");
  return Outcome::kDone;
}

Operand name_operand() { return {"NAME", "what coffer.yaml calls it: letters, digits, dots, underscores, dashes"}; }

}  // namespace

Command root_add_command() {
  return {
      .name = "root add",
      .about = "lets another root key lock the coffer: on every node, before rotate root goes over to it",
      .operands = {coffer_operand(), name_operand(), {"URI", "where the root key is"}},
      .flags = {root_flag()},
      .examples = {"root add /var/lib/db.coffer hsm 'pkcs11:token=prod;object=coffer?module_path=/usr/lib/hsm.so'",
                   "root add /var/lib/db.coffer root-2 file:///etc/coffer/root-2.key"},
      .run = run_root_add,
  };
}

Command root_list_command() {
  return {
      .name = "root list",
      .about = "lists the root keys that may lock the coffer, and which one does",
      .operands = {coffer_operand()},
      .flags = {root_flag()},
      .examples = {"root list /var/lib/db.coffer"},
      .run = run_root_list,
  };
}

Command root_remove_command() {
  return {
      .name = "root remove",
      .about = "takes a root key out of the configuration: nothing that it locks is believed any more",
      .operands = {coffer_operand(), name_operand()},
      .flags = {root_flag()},
      .examples = {"root remove /var/lib/db.coffer root-1"},
      .run = run_root_remove,
  };
}

}  // namespace coffer::cli
