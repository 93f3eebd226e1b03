#include "coffer/files/condemned_keys.h"

namespace coffer {

CondemnedKeys CondemnedKeys::all_but_active(const Keyring& keyring, std::string_view domain) {
  CondemnedKeys out;
  for (const Domain& each : keyring.domains()) {
    if (domain.empty() || each.name == domain) out.domains_[each.name].all_but_active = true;
  }
  return out;
}

CondemnedKeys CondemnedKeys::due(const Keyring& keyring, const Policy& policy, uint64_t now, std::string_view domain) {
  CondemnedKeys out;
  for (const Domain& each : keyring.domains()) {
    if (!domain.empty() && each.name != domain) continue;
    const KeyPolicy& wanted = policy.of(each.name);
    for (const DomainKeyEntry& key : each.keys) {
      if (is_reencryption_due(each, key, wanted, now)) out.add(each.name, key.version);
    }
  }
  return out;
}

CondemnedKeys CondemnedKeys::one(const Domain& domain, const DomainKeyEntry& key) {
  CondemnedKeys out;
  out.add(domain.name, key.version);
  return out;
}

bool CondemnedKeys::ever_protected(const EnvelopeFields& fields, const Domain& domain) const {
  const auto found = domains_.find(domain.name);
  if (found == domains_.end()) return false;
  if (found->second.all_but_active) {
    return fields.oldest_key_version != fields.newest_key_version || !domain.is_current(fields.oldest_key_version);
  }
  const auto first = found->second.numbers.lower_bound(fields.oldest_key_version);
  return first != found->second.numbers.end() && *first <= fields.newest_key_version;
}

}  // namespace coffer
