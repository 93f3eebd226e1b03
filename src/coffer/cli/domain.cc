// coffer domain add, domain list, domain move.
#include <fmt/format.h>

#include "coffer/base/path.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/config/config_edit.h"
#include "coffer/ops/keys.h"

namespace coffer::cli {
namespace {

Result<Outcome> run_domain_add(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments, {.domains_may_be_missing = true}));
  const std::string& name = arguments.operand("NAME");
  const std::string group = arguments.value("--group", "");
  const std::string* given_path = arguments.find("--path");
  const DomainPath entry{name, given_path != nullptr ? absolute_path(*given_path) : ""};
  const std::string& config_path = coffer->config_path();
  const auto edit = [&](std::string_view yaml) { return with_domain_path(yaml, entry, config_path); };
  if (given_path != nullptr) {
    COFFER_ASSIGN(const Bytes yaml, read_file(coffer->disk(), config_path, kConfigSizeMax));
    COFFER_TRY(edit(as_text(yaml)).status());
  }
  // The key first: a configuration that names a domain without one would stop writers.
  COFFER_TRY(
      coffer->live_keyring().update([&](Keyring& keyring) { return keyring.add_domain(name, now_seconds(), group); }));
  if (given_path != nullptr) COFFER_TRY(coffer->edit_config(edit));
  const Id key = coffer->keyring()->find_domain(name)->active()->id;
  const Json group_name = group.empty() ? Json(nullptr) : Json(group);
  std::string text = fmt::format("domain {}: key 1 ({}) is active{}\n", name, key.short_hex(),
                                 group.empty() ? "" : ", in key group " + group);
  std::vector<std::string> paths = coffer->config().paths_of(name);
  if (given_path != nullptr) paths.push_back(entry.path);
  for (const std::string& path : paths) text += fmt::format("  new data files under {}\n", printable(path));
  console.answer(
      Json{{"domain", name}, {"key", {{"id", key.hex()}, {"version", 1}}}, {"group", group_name}, {"paths", paths}},
      text);
  if (paths.empty()) {
    console.note(fmt::format("no path leads to it yet: name one under \"domains\" in {}", config_path));
  }
  return Outcome::kDone;
}

Result<Outcome> run_domain_list(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments, {.may_be_away = true}));
  const auto keyring = coffer->keyring();
  Json answer = Json::array();
  Table table({Table::Align::kLeft, Table::Align::kRight, Table::Align::kLeft, Table::Align::kLeft});
  table.add({"DOMAIN", "KEYS", "ACTIVE", "DATA FILES UNDER"});
  for (const Domain& domain : listed(*keyring)) {
    Json paths = Json::array();
    std::string path_text;
    for (const std::string& path : coffer->config().paths_of(domain.name)) {
      paths.push_back(path);
      path_text += (path_text.empty() ? "" : ", ") + printable(path);
    }
    if (domain.name == kSystemDomain) path_text += path_text.empty() ? "everything else" : ", and everything else";
    const DomainKeyEntry* active = domain.active();
    if (domain.locked != 0) {
      path_text += fmt::format("{}LOCKED since {}", path_text.empty() ? "" : "; ", time_text(domain.locked));
    }
    if (const KeyGroup* group = keyring->group_of(domain)) {
      path_text += fmt::format("{}key group {}", path_text.empty() ? "" : "; ", group->name);
    }
    table.add({domain.name, fmt::to_string(domain.keys.size()), active != nullptr ? active->id.short_hex() : "none",
               path_text});
    answer.push_back({{"name", domain.name},
                      {"keys", domain.keys.size()},
                      {"active_key", active != nullptr ? Json(active->id.hex()) : Json(nullptr)},
                      {"locked", domain.locked != 0 ? Json(domain.locked) : Json(nullptr)},
                      {"group", group_json(*keyring, domain)},
                      {"paths", std::move(paths)}});
  }
  console.answer(Json::object({{"domains", std::move(answer)}}), table.text());
  return Outcome::kDone;
}

Result<Outcome> run_domain_move(const Arguments& arguments, Console& console) {
  const std::string* group = arguments.find("--group");
  if ((group == nullptr) != arguments.has("--no-group")) {
    return {Code::kInvalidArgument, "domain move: expected either --group NAME or --no-group"};
  }
  const std::string to = group != nullptr ? *group : "";
  if (group != nullptr && to.empty()) {
    return {Code::kInvalidArgument, "domain move: --group has no name; --no-group takes the domain out of its group"};
  }
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string& name = arguments.operand("DOMAIN");
  COFFER_TRY(
      coffer->live_keyring().update([&](Keyring& keyring) { return keyring.move_domain(name, now_seconds(), to); }));
  const auto keyring = coffer->keyring();
  const DomainKeyEntry* key = keyring->find_domain(name)->active();
  const std::string where = to.empty() ? "in no key group" : "in key group " + to;
  console.answer(Json{{"domain", name},
                      {"group", to.empty() ? Json(nullptr) : Json(to)},
                      {"key", {{"id", key->id.hex()}, {"version", key->version}}},
                      {"keyring_version", keyring->version()}},
                 fmt::format("domain {} is {} (keyring version {}): key {} ({}) is active\n", name, where,
                             keyring->version(), key->version, key->id.short_hex()));
  console.note(
      "keyrings saved before still have its earlier keys in their earlier form: coffer rewrap makes the move matter "
      "for "
      "the files that it has, and coffer reencrypt also where somebody kept their headers as they were");
  return Outcome::kDone;
}

}  // namespace

Command domain_move_command() {
  return {
      .name = "domain move",
      .about = "brings a domain's keys into a key group, or out of the one that it is in, and makes a fresh one active",
      .operands = {coffer_operand(), {"DOMAIN", "any but system"}},
      .flags = {{"--group", "NAME", "the key group to bring it into; both groups have to open"},
                {"--no-group", "", "out of its group: the coffer's root key alone opens its keys then"},
                root_flag()},
      .examples = {"domain move /var/lib/db.coffer orders --group acme",
                   "domain move /var/lib/db.coffer orders --no-group"},
      .run = run_domain_move,
  };
}

Command domain_add_command() {
  return {
      .name = "domain add",
      .about = "adds a domain with a key of its own, for a table, column family or tenant",
      .operands = {coffer_operand(), {"NAME", "1 to 64 of a-z, 0-9, dot, underscore and hyphen"}},
      .flags = {{"--path", "DIR", "new data files under this directory belong to it (written to coffer.yaml)"},
                {"--group", "NAME", "its keys need the root key of this key group besides the coffer's"},
                root_flag()},
      .examples = {"domain add /var/lib/db.coffer tenant-7 --path /var/lib/db/tenant-7",
                   "domain add /var/lib/db.coffer archive"},
      .run = run_domain_add,
  };
}

Command domain_list_command() {
  return {
      .name = "domain list",
      .about = "lists the domains and the directories that belong to them",
      .operands = {coffer_operand()},
      .flags = {root_flag()},
      .examples = {"domain list /var/lib/db.coffer"},
      .run = run_domain_list,
  };
}

}  // namespace coffer::cli
