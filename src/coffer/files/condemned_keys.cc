#include "coffer/files/condemned_keys.h"

namespace coffer {

CondemnedKeys CondemnedKeys::all_but_active(const Keyring& keyring, std::string_view domain) {
  CondemnedKeys out;
  for (const Domain& each : keyring.domains()) {
    if (domain.empty() || each.name == domain) out.domains_[each.name].all_but_active = true;
  }
  return out;
}

CondemnedKeys CondemnedKeys::compromised(const Keyring& keyring, std::string_view domain) {
  CondemnedKeys out;
  for (const Domain& each : keyring.domains()) {
    if (!domain.empty() && each.name != domain) continue;
    for (const DomainKeyEntry& key : each.keys) {
      if (key.state == KeyState::kCompromised || key.compromised != 0)
        out.domains_[each.name].numbers.insert(key.version);
    }
  }
  return out;
}

CondemnedKeys CondemnedKeys::one(const Domain& domain, const DomainKeyEntry& key) {
  CondemnedKeys out;
  out.domains_[domain.name].numbers.insert(key.version);
  return out;
}

bool CondemnedKeys::ever_protected(const EnvelopeFields& fields, const Domain& domain) const {
  const auto found = domains_.find(domain.name);
  if (found == domains_.end()) return false;
  const DomainKeyEntry* active = domain.active();
  if (found->second.all_but_active) {
    return active == nullptr || fields.oldest_key_version != active->version ||
           fields.newest_key_version != active->version;
  }
  const auto first = found->second.numbers.lower_bound(fields.oldest_key_version);
  return first != found->second.numbers.end() && *first <= fields.newest_key_version;
}

}  // namespace coffer
