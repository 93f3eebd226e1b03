// coffer group …: domains whose keys need a root key of their own besides the coffer's.
#include <fmt/format.h>

#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/ops/slots.h"
#include "coffer/providers/registry.h"

namespace coffer::cli {
namespace {

Result<Outcome> run_group_add(const Arguments& arguments, Console& console) {
  const std::string* by = arguments.find("--by");
  if (by == nullptr) return {Code::kInvalidArgument, "group add: expected --by ROOT, the root key of the group"};
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string& name = arguments.operand("NAME");
  COFFER_ASSIGN(const std::string root, add_group(*coffer, name, *by, open_provider));
  const std::string uri = uri_of_root(root, provider_config_of(*coffer));
  console.answer(Json{{"group", name}, {"root", root}, {"uri", uri}, {"keyring_version", coffer->keyring()->version()}},
                 fmt::format("key group {}: root {}: {}\n", name, root, printable(uri)));
  console.note(fmt::format("it has no domain yet: coffer domain add COFFER DOMAIN --group {}", name));
  return Outcome::kDone;
}

Json group_row_json(const KeyGroup& group, const std::vector<std::string>& domains) {
  return {{"name", group.name},
          {"id", group.id.hex()},
          {"created", group.created},
          {"roots", group_roots_json(group)},
          {"domains", domains}};
}

Result<Outcome> run_group_list(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments, {.may_be_away = true}));
  const auto keyring = coffer->keyring();
  const ProviderConfig config = provider_config_of(*coffer);
  const bool checks = arguments.has("--check");
  std::map<GroupNumber, std::vector<std::string>> domains;
  for (const Domain& domain : keyring->domains()) domains[domain.group].push_back(domain.name);
  using Align = Table::Align;
  Table table({Align::kLeft, Align::kRight, Align::kLeft, Align::kLeft});
  table.add({"GROUP", "DOMAINS", checks ? "STATE" : "", "ROOT KEY"});
  Json answer = Json::array();
  std::string closed;
  for (const KeyGroup& group : keyring->groups()) {
    const Status opened = checks ? coffer->live_keyring().groups().key_of(group).status() : Status::ok();
    if (!opened.is_ok()) closed += printable(opened.to_string()) + "\n";
    table.add({group.name, fmt::to_string(domains[group.number].size()),
               !checks          ? ""
               : opened.is_ok() ? "opens"
                                : "CLOSED",
               group_roots_text(group, config)});
    Json row = group_row_json(group, domains[group.number]);
    row["opens"] = checks ? Json(opened.is_ok()) : Json(nullptr);
    row["why_closed"] = opened.is_ok() ? Json(nullptr) : Json(opened.to_string());
    answer.push_back(std::move(row));
  }
  console.answer(Json::object({{"groups", std::move(answer)}}), table.text() + closed);
  return closed.empty() ? Outcome::kDone : Outcome::kProblemsFound;
}

Result<Outcome> run_group_rotate(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string& name = arguments.operand("NAME");
  COFFER_ASSIGN(const RootRotation done, rotate_group(*coffer, name, arguments.value("--to", ""), open_provider));
  const uint64_t version = coffer->keyring()->version();
  std::string text =
      fmt::format("key group {} (keyring version {}) has a fresh key, wrapped by root {}\n", name, version, done.root);
  for (const std::string& root : done.removed) text += fmt::format("  root {} is out of the configuration\n", root);
  console.answer(Json{{"group", name}, {"root", done.root}, {"removed", done.removed}, {"keyring_version", version}},
                 text);
  console.note(
      "keyrings saved before still open with the group's root key of that time, and have the same domain keys: "
      "coffer rotate domain makes fresh ones");
  return Outcome::kDone;
}

Result<Outcome> run_group_remove(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string& name = arguments.operand("NAME");
  COFFER_ASSIGN(const std::vector<std::string> roots, remove_group(*coffer, name));
  const uint64_t version = coffer->keyring()->version();
  std::string text = fmt::format("key group {} is removed (keyring version {})\n", name, version);
  for (const std::string& root : roots) text += fmt::format("  root {} is out of the configuration\n", root);
  console.answer(Json{{"group", name}, {"removed", roots}, {"keyring_version", version}}, text);
  return Outcome::kDone;
}

}  // namespace

Command group_remove_command() {
  return {
      .name = "group remove",
      .about = "removes a key group that has no domain, and takes its root key out of the configuration",
      .operands = {coffer_operand(), {"NAME", "of the group"}},
      .flags = {root_flag()},
      .examples = {"group remove /var/lib/db.coffer acme"},
      .run = run_group_remove,
  };
}

Command group_rotate_command() {
  return {
      .name = "group rotate",
      .about = "gives a key group a fresh key, by its root key as that is now, or by another root key in its place",
      .operands = {coffer_operand(), {"NAME", "of the group"}},
      .flags = {{"--to", "ROOT", "the root key to go over to: its URI, or its name in coffer.yaml"}, root_flag()},
      .examples = {"group rotate /var/lib/db.coffer acme",
                   "group rotate /var/lib/db.coffer acme --to 'vault://vault.acme.example/transit/next'"},
      .run = run_group_rotate,
  };
}

Command group_add_command() {
  return {
      .name = "group add",
      .about = "makes a key group: domains in it need its root key, a tenant's for one, besides the coffer's",
      .operands = {coffer_operand(), {"NAME", "1 to 64 of a-z, 0-9, dot, underscore and hyphen"}},
      .flags = {{"--by", "ROOT", "the group's root key: its URI, or its name in coffer.yaml"}, root_flag()},
      .examples = {"group add /var/lib/db.coffer acme --by 'vault://vault.acme.example/transit/acme'",
                   "group add /var/lib/db.coffer acme --by acme-kms"},
      .run = run_group_add,
  };
}

Command group_list_command() {
  return {
      .name = "group list",
      .about = "lists the key groups, their root keys and how many domains they have",
      .operands = {coffer_operand()},
      .flags = {{"--check", "", "asks each group's root key whether it opens the group; exit status 1 if one does not"},
                root_flag()},
      .examples = {"group list /var/lib/db.coffer --check"},
      .run = run_group_list,
  };
}

}  // namespace coffer::cli
