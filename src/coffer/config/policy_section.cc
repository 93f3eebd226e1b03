#include "coffer/config/policy_section.h"

#include "coffer/base/period.h"
#include "coffer/config/yaml_quoted.h"
#include "coffer/keys/keyring_body.h"

namespace coffer {
namespace {

// "off", or a length of time of at least `least` seconds.
Status read_period(const YamlReader& reader, const YAML::Node& value, const std::string& what, uint64_t least,
                   std::optional<uint64_t>& out) {
  COFFER_ASSIGN(const std::string text, reader.text(value, what));
  out = parse_period(text);
  if (text == "off" || (out && *out >= least)) return Status::ok();
  return reader.error(value,
                      what + ": expected a time of at least " + period_text(least) + ", as 12h, 7d or 2w, or off");
}

// One of the options that domains may have, too; kNotFound for another.
Status read_option(const YamlReader& reader, const YamlReader::Entry& entry, const std::string& what,
                   KeyPolicy& policy) {
  if (entry.key == "rotation_period")
    return read_period(reader, entry.value, what + entry.key, 1, policy.rotation_period);
  if (entry.key == "rewrap_after") return read_period(reader, entry.value, what + entry.key, 0, policy.rewrap_after);
  return {Code::kNotFound, entry.key};
}

Status read_domains(const YamlReader& reader, const YAML::Node& section, Policy& policy) {
  return reader.each(section, "policy: domains: ", [&](const YamlReader::Entry& domain) -> Status {
    if (!valid_domain_name(domain.key)) {
      return reader.error(domain.key_node, "policy: domains: expected a domain's name, not \"" + domain.key + "\"");
    }
    const std::string what = "policy: domains: " + domain.key + ": ";
    KeyPolicy& own = policy.domains.emplace(domain.key, policy.all).first->second;
    return reader.each(domain.value, what, [&](const YamlReader::Entry& entry) -> Status {
      const Status read = read_option(reader, entry, what, own);
      if (read.code() != Code::kNotFound) return read;
      return reader.error(entry.key_node,
                          what + "unknown option \"" + entry.key + "\"; known are rotation_period and rewrap_after");
    });
  });
}

std::string period_or_off(const std::optional<uint64_t>& period) { return period ? period_text(*period) : "off"; }

}  // namespace

Result<Policy> read_policy(const YamlReader& reader, const YAML::Node& section) {
  Policy policy;
  YAML::Node domains(YAML::NodeType::Undefined);
  COFFER_TRY(reader.each(section, "policy: ", [&](const YamlReader::Entry& entry) -> Status {
    if (entry.key == "domains") {
      domains.reset(entry.value);
      return Status::ok();
    }
    const Status read = read_option(reader, entry, "policy: ", policy.all);
    if (read.code() != Code::kNotFound) return read;
    return reader.error(entry.key_node, "policy: unknown option \"" + entry.key +
                                            "\"; known are rotation_period, rewrap_after and domains");
  }));
  // Behind what is for all: what a domain does not say is as there.
  if (domains.IsDefined()) COFFER_TRY(read_domains(reader, domains, policy));
  return policy;
}

std::string format_policy(const Policy& policy) {
  if (policy == Policy()) return "";
  std::string out = "policy:\n  rotation_period: " + period_or_off(policy.all.rotation_period) +
                    "\n  rewrap_after: " + period_or_off(policy.all.rewrap_after) + "\n";
  if (!policy.domains.empty()) out += "  domains:\n";
  for (const auto& [name, own] : policy.domains) {
    out += "    " + yaml_quoted(name) + ":\n      rotation_period: " + period_or_off(own.rotation_period) +
           "\n      rewrap_after: " + period_or_off(own.rewrap_after) + "\n";
  }
  return out;
}

}  // namespace coffer
