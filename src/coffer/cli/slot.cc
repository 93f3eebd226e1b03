// coffer slot add|list|remove: which root keys open a coffer, and recovery.
#include <fmt/format.h>

#include <algorithm>

#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/recovery.h"
#include "coffer/cli/text.h"
#include "coffer/ops/slots.h"
#include "coffer/providers/registry.h"

namespace coffer::cli {
namespace {

constexpr std::string_view kRecoveryName = "recovery";

// Exactly one of these says what opens the slot.
constexpr const char* kSources[] = {"--by", "--passphrase", "--shares", "--public-key"};

Status check_one_source(const Arguments& arguments) {
  const auto given = std::ranges::count_if(kSources, [&](const char* flag) { return arguments.has(flag); });
  if (given != 1) {
    return {Code::kInvalidArgument,
            "slot add: expected one of --by ROOT, --passphrase, --shares M/N and --public-key FILE"};
  }
  if (arguments.has("--configure-only") && !arguments.has("--by")) {
    return {Code::kInvalidArgument,
            "--configure-only: needs --by URI: that of the root as the first node's coffer.yaml has it"};
  }
  if (arguments.has("--scrypt") && !arguments.has("--passphrase")) {
    return {Code::kInvalidArgument, "--scrypt: goes with --passphrase"};
  }
  return Status::ok();
}

std::string name_for(const Arguments& arguments, const ProviderConfig& config) {
  if (const std::string* name = arguments.find("--name")) return *name;
  const bool is_recovery = !arguments.has("--by") && !config.roots.contains(std::string(kRecoveryName));
  return is_recovery ? std::string(kRecoveryName) : "";
}

void advise_on(const Arguments& arguments, const std::string& name, const std::string& uri, Console& console) {
  if (arguments.has("--configure-only")) {
    console.note(
        fmt::format("it may lock the coffer now; on one node: coffer slot add COFFER --by {0}, or coffer rotate "
                    "root COFFER --to {0}",
                    name));
    return;
  }
  if (arguments.has("--by")) return;
  console.note(fmt::format("it opens by hand only: coffer COMMAND COFFER --root {}", name));
  console.note(fmt::format("keep with it, for the case that coffer.yaml is lost too: {}", printable(uri)));
}

Result<Outcome> run_slot_add(const Arguments& arguments, Console& console) {
  COFFER_TRY(check_one_source(arguments));
  if (console.json() && arguments.has("--shares")) {
    return {Code::kInvalidArgument, "slot add --shares: shares are for people only; run it without --json"};
  }
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const ProviderConfig before, coffer->provider_config());
  SlotToAdd slot{arguments.value("--by", ""), name_for(arguments, before), arguments.has("--configure-only")};
  std::vector<SecretBytes> shares;
  if (!arguments.has("--by")) {
    COFFER_ASSIGN(Recovery made, make_recovery(arguments));
    slot.root = std::move(made.uri);
    shares = std::move(made.shares);
  }
  COFFER_ASSIGN(const std::string name, add_slot(*coffer, slot, open_provider));
  const std::string uri = uri_of_root(name, provider_config_of(*coffer));
  COFFER_TRY(show_shares(shares).with_context(
      fmt::format("root {} has a slot; coffer slot remove COFFER {} takes it out again", name, name)));
  const uint64_t version = coffer->keyring()->version();
  console.answer(Json{{"root", name}, {"uri", uri}, {"keyring_version", version}},
                 shares.empty() ? fmt::format("root {}: {}\n", name, printable(uri)) : "");
  if (!shares.empty()) {
    console.note(fmt::format("root {}: these shares are shown this once; give each to somebody else", name));
  }
  advise_on(arguments, name, uri, console);
  return Outcome::kDone;
}

// A root of the configuration, of a slot, or of both.
struct Row {
  std::string root;
  const RootSetting* setting = nullptr;
  const KeyringSlot* slot = nullptr;
};

std::vector<Row> rows_of(const KeyringHeader& header, const ProviderConfig& config) {
  std::vector<Row> out;
  for (const KeyringSlot& slot : header.slots) {
    const auto found = config.roots.find(slot.root);
    out.push_back({slot.root, found == config.roots.end() ? nullptr : &found->second, &slot});
  }
  for (const auto& [name, setting] : config.roots) {
    if (std::ranges::find(header.slots, name, &KeyringSlot::root) == header.slots.end()) {
      out.push_back({name, &setting, nullptr});
    }
  }
  return out;
}

std::string opens_text(const RootKind& kind, const Row& row) {
  if (row.setting == nullptr) return "not configured here";
  if (!row.setting->key_group.empty()) return "key group " + row.setting->key_group;
  if (row.slot == nullptr) return "no slot";
  return kind.opens_by_itself ? "by itself" : "by hand";
}

Json row_json(const Row& row, const RootKind& kind, const ProviderConfig& config) {
  const std::string pin = row.setting == nullptr ? "" : row.setting->fingerprint;
  return {{"name", row.root},
          {"kind", kind.name},
          {"opens_by_itself", kind.opens_by_itself},
          {"uri", row.setting == nullptr ? Json(nullptr) : Json(uri_of_root(row.root, config))},
          {"fingerprint", pin.empty() ? Json(nullptr) : Json(pin)},
          {"slot", row.slot == nullptr ? Json(nullptr) : slot_json(*row.slot, config)}};
}

Result<Outcome> run_slot_list(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments, {.may_be_away = true}));
  COFFER_ASSIGN(const ProviderConfig config, coffer->provider_config());
  const KeyringHeader header = *coffer->live_keyring().header();
  Table table(
      {Table::Align::kLeft, Table::Align::kLeft, Table::Align::kLeft, Table::Align::kLeft, Table::Align::kLeft});
  table.add({"ROOT", "KIND", "OPENS", "SLOT SINCE", "URI"});
  Json rows = Json::array();
  for (const Row& row : rows_of(header, config)) {
    const RootKind kind = kind_of_root(row.root, config);
    table.add({row.root, kind.name, opens_text(kind, row), row.slot == nullptr ? "" : time_text(row.slot->created),
               printable(uri_of_root(row.root, config))});
    rows.push_back(row_json(row, kind, config));
  }
  console.answer(Json::object({{"roots", std::move(rows)}}), table.text());
  return Outcome::kDone;
}

Result<Outcome> run_slot_remove(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string& name = arguments.operand("NAME");
  COFFER_TRY(remove_slot(*coffer, name, arguments.has("--leave-by-hand")));
  const uint64_t version = coffer->keyring()->version();
  console.answer(Json{{"root", name}, {"keyring_version", version}},
                 fmt::format("root {} does not open this coffer any more (keyring version {})\n", name, version));
  console.note("keyrings that it locked, in backups, need it: keep the key as long as those");
  return Outcome::kDone;
}

}  // namespace

Command slot_add_command() {
  return {
      .name = "slot add",
      .about = "lets one more root key open the coffer: a key elsewhere, or a passphrase, shares or a private key",
      .operands = {coffer_operand()},
      .flags =
          {{"--by", "ROOT", "the root key's URI, or its name in coffer.yaml"},
           {"--passphrase", "", "a passphrase, asked for twice, or from standard input"},
           {"--scrypt", "LOG2", "with --passphrase: memory is 2^LOG2 KiB each time", {"16", "17", "18", "19", "20"}},
           {"--shares", "M/N", "N shares, shown once, of which any M open it"},
           {"--public-key", "FILE", "an X25519 public key in PEM, whose private half is kept elsewhere"},
           {"--name", "NAME", "what coffer.yaml is to call it: letters, digits, dots, underscores, dashes"},
           {"--configure-only", "", "with --by: only into this configuration; the slot is made on another node"},
           root_flag()},
      .examples = {"slot add /var/lib/db.coffer --by 'pkcs11:token=prod;object=coffer?module_path=/usr/lib/hsm.so'",
                   "slot add /var/lib/db.coffer --passphrase", "slot add /var/lib/db.coffer --shares 3/5 --name board",
                   "slot add /var/lib/db.coffer --public-key recovery.pub.pem"},
      .run = run_slot_add,
  };
}

Command slot_list_command() {
  return {
      .name = "slot list",
      .about = "lists the root keys: those that open the coffer, and those that may be given a slot",
      .operands = {coffer_operand()},
      .flags = {root_flag()},
      .examples = {"slot list /var/lib/db.coffer"},
      .run = run_slot_list,
  };
}

Command slot_remove_command() {
  return {
      .name = "slot remove",
      .about = "takes a root key out of keyring and configuration, and renews the others: nothing it locks is believed",
      .operands = {coffer_operand(), {"NAME", "the root's name, as coffer slot list has it"}},
      .flags = {{"--leave-by-hand", "", "even if then nothing opens the coffer by itself, only a person"}, root_flag()},
      .examples = {"slot remove /var/lib/db.coffer root-1"},
      .run = run_slot_remove,
  };
}

}  // namespace coffer::cli
