// coffer domain add, coffer domain list.
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

}  // namespace

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
