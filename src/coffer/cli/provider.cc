// coffer provider list, coffer provider check: where root keys may be, and whether one of these places works.
#include <fmt/format.h>

#include "coffer/base/advice.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/net/kmip/settings.h"
#include "coffer/providers/check.h"
#include "coffer/providers/named.h"
#include "coffer/providers/registry.h"

namespace coffer::cli {
namespace {

// --- list

// Options stay out: what stands there by mistake may be a secret.
std::string without_options(ProviderUri uri) {
  uri.options.clear();
  return format_provider_uri(uri);
}

Result<Outcome> run_list(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const ProviderConfig config, named_provider_config(arguments));
  const NamedProviders& named = config.key_providers;
  COFFER_ASSIGN(const kmip::Groups groups, kmip::configured_groups(config));
  Json schemes = Json::array(), names = Json::array(), hosts = Json::array();
  Table table({Table::Align::kLeft, Table::Align::kLeft});
  table.add({"ROOT KEYS ARE IN", "AND ARE NAMED"});
  for (const ProviderScheme& scheme : provider_schemes()) {
    table.add({std::string(scheme.about), std::string(scheme.form)});
    schemes.push_back({{"scheme", scheme.scheme}, {"form", scheme.form}, {"about", scheme.about}});
  }
  table.add({"a provider of coffer.yaml, by its name", "provider:NAME/KEY"});
  std::string text = table.text();
  Table configured({Table::Align::kLeft, Table::Align::kLeft});
  configured.add({"CONFIGURED", "STANDS FOR"});
  for (const auto& [name, uri] : named) {
    configured.add({"provider:" + name, printable(without_options(uri))});
    names.push_back({{"name", name}, {"uri", without_options(uri)}});
  }
  for (const auto& [name, group] : groups) {
    configured.add({"kmip:" + name + "/KEY", printable(group.describe())});
    Json list = Json::array();
    for (const kmip::HostAddress& host : group.hosts) list.push_back(host.text());
    hosts.push_back({{"group", name}, {"hosts", std::move(list)}});
  }
  if (!named.empty() || !groups.empty()) text += "\n" + configured.text();
  console.answer(Json{{"schemes", std::move(schemes)}, {"named", std::move(names)}, {"kmip_hosts", std::move(hosts)}},
                 text);
  return Outcome::kDone;
}

// --- check

double milliseconds(const CheckStep& step) { return std::chrono::duration<double, std::milli>(step.took).count(); }

Json check_json(const ProviderCheck& check) {
  Json steps = Json::array();
  for (const CheckStep& step : check.steps) {
    Json one = {{"step", step.name}, {"ok", step.status.is_ok()}, {"milliseconds", milliseconds(step)}};
    if (!step.status.is_ok()) {
      const Advice advice = advice_for(step.status);
      one["error"] = {{"code", code_name(step.status.code())}, {"message", advice.message}};
      if (!advice.hint.empty()) one["error"]["hint"] = advice.hint;
    }
    steps.push_back(std::move(one));
  }
  const auto or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
  return {{"works", check.works()},
          {"uri", or_null(check.uri)},
          {"provider", or_null(check.provider)},
          {"key", or_null(check.key)},
          {"steps", std::move(steps)}};
}

std::string check_text(const ProviderCheck& check) {
  std::string out;
  if (!check.provider.empty()) out += fmt::format("provider  {}\n", printable(check.provider));
  if (!check.key.empty()) out += fmt::format("key       {}\n", printable(check.key));
  if (!out.empty()) out += "\n";
  Table table({Table::Align::kLeft, Table::Align::kLeft, Table::Align::kRight});
  for (const CheckStep& step : check.steps) {
    table.add(
        {std::string(step.name), step.status.is_ok() ? "ok" : "FAILED", fmt::format("{:.1f} ms", milliseconds(step))});
  }
  out += table.text();
  const CheckStep& last = check.steps.back();
  if (last.status.is_ok()) return out + "\nit works\n";
  const Advice advice = advice_for(last.status);
  out += fmt::format("\n{} failed: {}\n", last.name, printable(advice.message));
  return advice.hint.empty() ? out : out + fmt::format("hint: {}\n", printable(advice.hint));
}

Result<Outcome> run_check(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const ProviderConfig config, named_provider_config(arguments));
  const ProviderCheck check = check_provider(arguments.operand("URI"), config);
  console.answer(check_json(check), check_text(check));
  return check.works() ? Outcome::kDone : Outcome::kProblemsFound;
}

Flag config_flag() { return {"--config", "FILE", "a coffer.yaml, or a coffer, whose named providers are known"}; }

}  // namespace

Command provider_list_command() {
  return {
      .name = "provider list",
      .about = "lists the kinds of places where root keys may be, and those that coffer.yaml sets up",
      .operands = {},
      .flags = {config_flag()},
      .examples = {"provider list", "provider list --config /var/lib/db.coffer"},
      .run = run_list,
  };
}

Command provider_check_command() {
  return {
      .name = "provider check",
      .about = "tries out whether a root key can be used, how fast, and what is wrong if not",
      .operands = {{"URI", "a root key, as --root takes it; one with create=true may be made by this"}},
      .flags = {config_flag()},
      .examples = {"provider check file:///etc/coffer/root.key",
                   "provider check provider:vault/prod --config /var/lib/db.coffer"},
      .run = run_check,
  };
}

}  // namespace coffer::cli
