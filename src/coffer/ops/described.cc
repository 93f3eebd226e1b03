#include "coffer/ops/described.h"

#include <algorithm>

#include "coffer/providers/registry.h"

namespace coffer {

ProviderConfig provider_config_of(const Coffer& coffer) {
  auto config = coffer.provider_config();
  return config.is_ok() ? std::move(*config) : ProviderConfig{};
}

std::string uri_of_root(const std::string& name, const ProviderConfig& config) {
  const auto found = config.roots.find(name);
  return found != config.roots.end() ? format_provider_uri(found->second.uri) : "";
}

std::string describe_root_key(const KeyringSlot& slot, const ProviderConfig& config) {
  const auto found = config.roots.find(slot.root);
  if (found == config.roots.end()) return "handle " + to_hex(slot.handle.bytes);
  auto provider = open_provider(found->second.uri, config);
  if (!provider.is_ok()) return "handle " + to_hex(slot.handle.bytes);
  return (*provider)->describe(slot.handle);
}

RootKind kind_of_root(const std::string& name, const ProviderConfig& config) {
  const auto found = config.roots.find(name);
  if (found == config.roots.end()) return {"unknown"};
  const auto provider = open_provider(found->second.uri, config);
  RootKind out{found->second.uri.scheme, !provider.is_ok() || (*provider)->opens_by_itself()};
  if (out.name != "recipient") return out;
  out.name = "private key";
  for (const auto& [option, value] : found->second.uri.options) {
    if (option == "scrypt") out.name = "passphrase";
    if (option == "shares") out.name = "shares " + value;
  }
  return out;
}

Json slot_json(const KeyringSlot& slot, const ProviderConfig& config) {
  const RootKind kind = kind_of_root(slot.root, config);
  return {{"id", slot.id.hex()},
          {"root", slot.root},
          {"kind", kind.name},
          {"opens_by_itself", kind.opens_by_itself},
          {"uri", uri_of_root(slot.root, config)},
          {"key", describe_root_key(slot, config)},
          {"created", slot.created},
          {"wrap_algorithm", slot.wrapped.algorithm}};
}

Json group_roots_json(const KeyGroup& group) {
  Json out = Json::array();
  for (const KeyringSlot& slot : group.slots) out.push_back(slot.root);
  return out;
}

Json findings_json(const Findings& findings) {
  Json out = Json::array();
  for (const Finding& each : findings) {
    out.push_back({{"wrong", each.wrong}, {"what", each.what}, {"why", each.why}, {"do", each.remedy}});
  }
  return out;
}

Json crypto_json(const CryptoInUse& in_use) {
  const auto or_null = [](const std::string& version) { return version.empty() ? Json(nullptr) : Json(version); };
  return {{"openssl", in_use.openssl},
          {"ipsec_mb", or_null(in_use.ipsec_mb)},
          {"fips_provider", or_null(in_use.fips_provider)}};
}

Json group_json(const Keyring& keyring, const Domain& domain) {
  const KeyGroup* group = keyring.group_of(domain);
  return group != nullptr ? Json(group->name) : Json(nullptr);
}

std::vector<RunRecord> present_runs(const std::vector<RunRecord>& runs) {
  std::vector<RunRecord> out;
  std::ranges::copy_if(runs, std::back_inserter(out),
                       [](const RunRecord& run) { return run.state == RunRecord::State::kRunning; });
  if (out.empty() && !runs.empty()) out.push_back(runs.back());
  return out;
}

Json runs_json(const std::vector<RunRecord>& runs) {
  Json out = Json::array();
  for (const RunRecord& run : runs) {
    out.push_back({{"id", run.id},
                   {"what", run.what},
                   {"about", run.about},
                   {"state", run_state_name(run.state)},
                   {"begun", run.begun},
                   {"updated", run.updated},
                   {"process", run.process},
                   {"files_to_do", run.files_to_do},
                   {"files", run.files},
                   {"files_left", run.files_left},
                   {"bytes_to_do", run.bytes_to_do},
                   {"bytes", run.bytes},
                   {"bytes_per_second", run.bytes_per_second()},
                   {"seconds_left", run.seconds_left()},
                   {"said", run.said}});
  }
  return out;
}

}  // namespace coffer
