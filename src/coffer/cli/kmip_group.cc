#include "coffer/cli/kmip_group.h"

#include <fmt/format.h>

#include <algorithm>

#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"

namespace coffer::cli {
namespace {

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

std::string spaces_of(const kmip::KeyAttributes& key) {
  std::vector<std::string> spaces = key.groups;
  for (const auto& [name, value] : key.custom) spaces.push_back(name + "=" + value);
  return joined(spaces);
}

std::string state_of(const kmip::KeyAttributes& key) {
  if (!key.state) return "n/a";
  return kmip::describe(kmip::kStates, *key.state);
}

std::string known(const std::string& text) { return text.empty() ? "n/a" : printable(text); }

std::string date(const std::optional<int64_t>& seconds) {
  return seconds && *seconds > 0 ? time_text(static_cast<uint64_t>(*seconds)) : "n/a";
}

Json date_json(const std::optional<int64_t>& seconds) { return seconds ? Json(*seconds) : Json(nullptr); }

}  // namespace

Operand kmip_group_operand() {
  return {"GROUP", "a group of kmip_hosts in coffer.yaml, or kmip://HOST[:PORT][,HOST…]?cert=…&key=…&ca=…"};
}

Operand kmip_id_operand() { return {"ID", "the key's identifier: see coffer kmip list"}; }

Flag kmip_config_flag() { return {"--config", "FILE", "the coffer.yaml that has the group, or its coffer (COFFER)"}; }

Flag kmip_namespace_flag() { return {"--namespace", "NAME", "the key space: an Object Group, or the value of …"}; }

Flag kmip_namespace_attribute_flag() {
  return {"--namespace-attribute", "NAME", "… this custom attribute, whose name begins with x-"};
}

Result<kmip::Client> kmip_client(const Arguments& arguments) {
  COFFER_ASSIGN(const ProviderConfig config, named_provider_config(arguments));
  COFFER_ASSIGN(const kmip::GroupSettings settings, kmip::parse_kmip_group(arguments.operand("GROUP"), config));
  COFFER_ASSIGN(auto group, kmip::HostGroup::create(settings));
  return kmip::Client(std::move(group));
}

Result<kmip::KeySpace> kmip_key_space(const Arguments& arguments) {
  kmip::KeySpace out{arguments.value("--namespace", ""), arguments.value("--namespace-attribute", "")};
  if (!out.attribute.empty() && !out.attribute.starts_with("x-")) {
    return {Code::kInvalidArgument, "--namespace-attribute: expected the name of a custom attribute, such as x-Tenant"};
  }
  return out;
}

Json kmip_key_json(const kmip::KeyAttributes& key) {
  Json custom = Json::object();
  for (const auto& [name, value] : key.custom) custom[name] = value;
  return {{"id", key.id},
          {"names", key.names},
          {"cipher", key.cipher()},
          {"state", key.state ? Json(state_of(key)) : Json(nullptr)},
          {"activated", date_json(key.activation_date)},
          {"created", date_json(key.initial_date)},
          {"protect_stop", date_json(key.protect_stop_date)},
          {"deactivated", date_json(key.deactivation_date)},
          {"key_spaces", key.groups},
          {"custom", std::move(custom)}};
}

std::string kmip_key_table(std::span<const kmip::KeyAttributes> keys) {
  Table table(std::vector<Table::Align>(8, Table::Align::kLeft));
  table.add({"ID", "NAME", "CIPHER", "STATE", "ACTIVATION", "CREATION", "PROTECT STOP", "KEY SPACE"});
  for (const kmip::KeyAttributes& key : keys) {
    table.add({printable(key.id), known(joined(key.names)), key.cipher(), state_of(key), date(key.activation_date),
               date(key.initial_date), date(key.protect_stop_date), known(spaces_of(key))});
  }
  return table.text();
}

std::string kmip_key_text(const kmip::KeyAttributes& key) {
  return fmt::format("key {} ({}, {}, {})", printable(key.id), known(joined(key.names)), key.cipher(), state_of(key));
}

}  // namespace coffer::cli
