#include "coffer/config/policy_section.h"

#include "coffer/base/byte_size.h"
#include "coffer/base/period.h"
#include "coffer/config/yaml_quoted.h"
#include "coffer/io/pace.h"
#include "coffer/keys/keyring_body.h"

namespace coffer {
namespace {

constexpr std::string_view kRateUnit = "MB/s";

// "off", or a length of time of at least `least` seconds.
Status read_period(const YamlReader& reader, const YAML::Node& value, const std::string& what, uint64_t least,
                   std::optional<uint64_t>& out) {
  COFFER_ASSIGN(const std::string text, reader.text(value, what));
  out = parse_period(text);
  if (text == "off" || (out && *out >= least)) return Status::ok();
  return reader.error(value,
                      what + ": expected a time of at least " + period_text(least) + ", as 12h, 7d or 2w, or off");
}

Status read_unlock_spread(const YamlReader& reader, const YAML::Node& value, std::optional<uint64_t>& out) {
  constexpr uint64_t kSpreadMax = 600;
  COFFER_TRY(read_period(reader, value, "policy: unlock_spread", 1, out));
  if (!out || *out <= kSpreadMax) return Status::ok();
  return reader.error(value, "policy: unlock_spread: expected at most " + period_text(kSpreadMax) +
                                 ", which programs wait when they start");
}

// "off", or a number of at least 1: a plain one of seals, with a unit if it is of bytes.
Status read_limit(const YamlReader& reader, const YAML::Node& value, const std::string& what, bool of_bytes,
                  std::optional<uint64_t>& out) {
  COFFER_ASSIGN(const std::string text, reader.text(value, what));
  const bool is_number = text.find_first_not_of("0123456789") == std::string::npos;
  out = of_bytes || is_number ? parse_byte_size(text) : std::nullopt;
  if (text == "off" || (out && *out >= 1)) return Status::ok();
  return reader.error(
      value,
      what + ": expected " + (of_bytes ? "a size, as 500GiB or 1TiB" : "a number of headers, as 1000000") + ", or off");
}

// A length of time that cannot be off; `instead` is what to write for that.
Status read_time(const YamlReader& reader, const YAML::Node& value, const std::string& what, const std::string& instead,
                 uint64_t& out) {
  std::optional<uint64_t> time;
  COFFER_TRY(read_period(reader, value, what, 0, time));
  if (!time) return reader.error(value, what + ": expected a time; for " + instead);
  out = *time;
  return Status::ok();
}

Status read_old_files(const YamlReader& reader, const YAML::Node& value, const std::string& what, OldFiles& out) {
  for (OldFiles each : {OldFiles::kLazy, OldFiles::kRewrap, OldFiles::kReencrypt}) {
    if (!value.IsScalar() || value.Scalar() != old_files_name(each)) continue;
    out = each;
    return Status::ok();
  }
  return reader.error(value, what + ": expected lazy, rewrap or reencrypt");
}

// "50MB/s", or "off".
Status read_rate(const YamlReader& reader, const YAML::Node& value, const std::string& what, Rate& out) {
  COFFER_ASSIGN(const std::string text, reader.text(value, what));
  out.reset();
  if (text == "off") return Status::ok();
  if (text.ends_with(kRateUnit)) {
    const auto rate = RateFile::parse(text.substr(0, text.size() - kRateUnit.size()), what);
    if (rate.is_ok() && *rate > 0) out = *rate;
  }
  if (out) return Status::ok();
  return reader.error(value, what + ": expected more than 0 MB a second, as 50MB/s, or off");
}

// One of the options that domains may have, too; kNotFound for another.
Status read_key_option(const YamlReader& reader, const YamlReader::Entry& entry, const std::string& what,
                       KeyPolicy& policy) {
  const std::string name = what + entry.key;
  if (entry.key == "rotation_period") return read_period(reader, entry.value, name, 1, policy.rotation_period);
  if (entry.key == "old_files") return read_old_files(reader, entry.value, name, policy.old_files);
  if (entry.key == "old_files_after")
    return read_time(reader, entry.value, name, "never, old_files: lazy", policy.old_files_after);
  if (entry.key == "destroy_after") return read_period(reader, entry.value, name, 0, policy.destroy_after);
  if (entry.key == "max_seals") return read_limit(reader, entry.value, name, false, policy.max_seals);
  if (entry.key == "max_bytes") return read_limit(reader, entry.value, name, true, policy.max_bytes);
  return {Code::kNotFound, entry.key};
}

// To a root key that is found so.
Status read_reaction(const YamlReader& reader, const YAML::Node& value, const std::string& what, RootTrouble trouble,
                     Reaction& out) {
  for (Reaction reaction : {Reaction::kWarn, Reaction::kReadOnly, Reaction::kFence}) {
    if (!value.IsScalar() || value.Scalar() != reaction_name(reaction, trouble)) continue;
    out = reaction;
    return Status::ok();
  }
  return reader.error(value,
                      what + ": expected warn, read_only or " + std::string(reaction_name(Reaction::kFence, trouble)));
}

// One of the options that are for all; kNotFound for another.
Status read_root_option(const YamlReader& reader, const YamlReader::Entry& entry, RootPolicy& policy) {
  const std::string name = "policy: " + entry.key;
  if (entry.key == "on_revoked")
    return read_reaction(reader, entry.value, name, RootTrouble::kRevoked, policy.on_revoked);
  if (entry.key == "on_outage")
    return read_reaction(reader, entry.value, name, RootTrouble::kUnreachable, policy.on_outage);
  if (entry.key != "outage_grace") return {Code::kNotFound, entry.key};
  return read_time(reader, entry.value, name, "no end, on_outage: warn", policy.outage_grace);
}

template <class T>
Status put(Result<T> read, std::optional<T>& out) {
  if (read.is_ok()) out = *read;
  return read.status();
}

Status read_domain_option(const YamlReader& reader, const YamlReader::Entry& entry, const std::string& what,
                          KeyPolicy& policy, DomainCiphers& ciphers) {
  const std::string name = what + entry.key;
  if (entry.key == "cipher") return put(read_cipher(reader, entry.value, name, true), ciphers.suite);
  if (entry.key == "ctr_cipher") return put(read_cipher(reader, entry.value, name, false), ciphers.ctr_suite);
  if (entry.key == "chunk_size") return put(read_chunk_size(reader, entry.value, name), ciphers.chunk_log2);
  const Status read = read_key_option(reader, entry, what, policy);
  if (read.code() != Code::kNotFound) return read;
  return reader.error(entry.key_node, what + "unknown option \"" + entry.key +
                                          "\"; known are rotation_period, old_files, old_files_after, destroy_after, "
                                          "max_seals, max_bytes, cipher, ctr_cipher and chunk_size");
}

Status read_domains(const YamlReader& reader, const YAML::Node& section, PolicySection& out) {
  return reader.each(section, "policy: domains: ", [&](const YamlReader::Entry& domain) -> Status {
    if (!valid_domain_name(domain.key)) {
      return reader.error(domain.key_node, "policy: domains: expected a domain's name, not \"" + domain.key + "\"");
    }
    const std::string what = "policy: domains: " + domain.key + ": ";
    KeyPolicy& own = out.policy.domains.emplace(domain.key, out.policy.all).first->second;
    DomainCiphers ciphers;
    COFFER_TRY(reader.each(domain.value, what, [&](const YamlReader::Entry& entry) {
      return read_domain_option(reader, entry, what, own, ciphers);
    }));
    if (ciphers != DomainCiphers()) out.ciphers.emplace(domain.key, ciphers);
    return Status::ok();
  });
}

std::string period_or_off(const std::optional<uint64_t>& period) { return period ? period_text(*period) : "off"; }

std::string old_files_text(const KeyPolicy& policy, const std::string& indent) {
  return indent + "old_files: " + std::string(old_files_name(policy.old_files)) + "\n" + indent +
         "old_files_after: " + period_text(policy.old_files_after) + "\n";
}

std::string rate_text(uint64_t rate) {
  std::string fraction = std::to_string(rate % RateFile::kBytesPerMb + RateFile::kBytesPerMb);
  fraction[0] = '.';
  return std::to_string(rate / RateFile::kBytesPerMb) + fraction + std::string(kRateUnit);
}

// What is off unless it was asked for; it may be off for a domain where all others have it.
std::string limits_text(const KeyPolicy& policy, const KeyPolicy& otherwise, const std::string& indent) {
  std::string out;
  if (policy.destroy_after != otherwise.destroy_after) {
    out += indent + "destroy_after: " + period_or_off(policy.destroy_after) + "\n";
  }
  if (policy.max_seals != otherwise.max_seals) {
    out += indent + "max_seals: " + (policy.max_seals ? std::to_string(*policy.max_seals) : "off") + "\n";
  }
  if (policy.max_bytes != otherwise.max_bytes) {
    out += indent + "max_bytes: " + (policy.max_bytes ? byte_size_text(*policy.max_bytes) : "off") + "\n";
  }
  return out;
}

std::string format_domain(const std::string& name, const KeyPolicy& own, const KeyPolicy& all,
                          const CiphersOfDomains& ciphers) {
  std::string out = "    " + yaml_quoted(name) + ":\n      rotation_period: " + period_or_off(own.rotation_period) +
                    "\n" + old_files_text(own, "      ") + limits_text(own, all, "      ");
  const auto found = ciphers.find(name);
  if (found == ciphers.end()) return out;
  const auto& [suite, ctr_suite, chunk_log2] = found->second;
  if (suite) out += "      cipher: " + std::string(suite_info(*suite).name) + "\n";
  if (ctr_suite) out += "      ctr_cipher: " + std::string(suite_info(*ctr_suite).name) + "\n";
  if (chunk_log2) out += "      chunk_size: " + std::to_string(1 << *chunk_log2) + "\n";
  return out;
}

}  // namespace

Result<PolicySection> read_policy(const YamlReader& reader, const YAML::Node& section) {
  PolicySection out;
  YAML::Node domains(YAML::NodeType::Undefined);
  COFFER_TRY(reader.each(section, "policy: ", [&](const YamlReader::Entry& entry) -> Status {
    if (entry.key == "domains") {
      domains.reset(entry.value);
      return Status::ok();
    }
    if (entry.key == "local_unlock") {
      COFFER_ASSIGN(out.local_unlock, read_local_unlock(reader, entry.value));
      return Status::ok();
    }
    Status read = read_key_option(reader, entry, "policy: ", out.policy.all);
    if (entry.key == "reencrypt_rate")
      read = read_rate(reader, entry.value, "policy: reencrypt_rate", out.policy.reencrypt_rate);
    if (entry.key == "keyring_copy") {
      read = read_period(reader, entry.value, "policy: keyring_copy", 1, out.policy.keyring_copy);
    }
    if (entry.key == "canary_pause") {
      read = read_period(reader, entry.value, "policy: canary_pause", 1, out.policy.canary_pause);
    }
    if (entry.key == "unlock_spread") {
      read = read_unlock_spread(reader, entry.value, out.policy.unlock_spread);
    }
    if (entry.key == "node_slots") {
      read = read_period(reader, entry.value, "policy: node_slots", 1, out.policy.node_slots);
    }
    if (read.code() == Code::kNotFound) read = read_root_option(reader, entry, out.policy.root);
    if (read.code() != Code::kNotFound) return read;
    return reader.error(entry.key_node,
                        "policy: unknown option \"" + entry.key +
                            "\"; known are rotation_period, old_files, old_files_after, destroy_after, "
                            "max_seals, max_bytes, reencrypt_rate, on_revoked, on_outage, outage_grace, "
                            "local_unlock, keyring_copy, unlock_spread, canary_pause, node_slots and domains");
  }));
  // Behind what is for all: what a domain does not say is as there.
  if (domains.IsDefined()) COFFER_TRY(read_domains(reader, domains, out));
  return out;
}

std::string format_policy(const PolicySection& section) {
  const Policy& policy = section.policy;
  if (policy == Policy() && !section.local_unlock) return "";
  std::string out = "policy:\n  rotation_period: " + period_or_off(policy.all.rotation_period) + "\n" +
                    old_files_text(policy.all, "  ") + limits_text(policy.all, KeyPolicy(), "  ") +
                    (policy.reencrypt_rate ? "  reencrypt_rate: " + rate_text(*policy.reencrypt_rate) + "\n" : "") +
                    "  on_revoked: " + std::string(reaction_name(policy.root.on_revoked, RootTrouble::kRevoked)) +
                    "\n  on_outage: " + std::string(reaction_name(policy.root.on_outage, RootTrouble::kUnreachable)) +
                    "\n  outage_grace: " + period_text(policy.root.outage_grace) + "\n" +
                    (policy.keyring_copy ? "  keyring_copy: " + period_text(*policy.keyring_copy) + "\n" : "") +
                    (policy.unlock_spread ? "  unlock_spread: " + period_text(*policy.unlock_spread) + "\n" : "") +
                    (policy.canary_pause ? "  canary_pause: " + period_text(*policy.canary_pause) + "\n" : "") +
                    (policy.node_slots ? "  node_slots: " + period_text(*policy.node_slots) + "\n" : "") +
                    format_local_unlock(section.local_unlock);
  if (!policy.domains.empty()) out += "  domains:\n";
  for (const auto& [name, own] : policy.domains) out += format_domain(name, own, policy.all, section.ciphers);
  return out;
}

}  // namespace coffer
