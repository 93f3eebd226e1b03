#include "coffer/keys/keyring.h"

#include <algorithm>

#include "coffer/base/text.h"
#include "coffer/crypto/random.h"
#include "coffer/keys/keyring_body.h"

namespace coffer {
namespace {

std::string in_quotes(std::string_view name) { return "\"" + std::string(name) + "\""; }

Result<DomainKeyEntry> make_active_key(uint32_t version, uint64_t now) {
  DomainKeyEntry entry;
  COFFER_ASSIGN(const DomainKey key, random_key<DomainRole>(kDomainKeySize));
  COFFER_ASSIGN(entry.key, RestingKey<DomainRole>::seal(key));
  COFFER_ASSIGN(SecretBytes id, derive(key.reveal(), "domain key id", {}, entry.id.bytes.size()));
  std::copy(id.reveal().begin(), id.reveal().end(), entry.id.bytes.begin());
  entry.version = version;
  entry.state = KeyState::kActive;
  entry.created = now;
  entry.activated = now;
  return entry;
}

Result<RestingKey<AuditRole>> make_audit_key() {
  COFFER_ASSIGN(const AuditKey key, random_key<AuditRole>(kAuditKeySize));
  return RestingKey<AuditRole>::seal(key);
}

std::string name_of(const DomainKeyEntry& entry, const Domain& domain) {
  return "key " + std::to_string(entry.version) + " of domain " + in_quotes(domain.name);
}

// The time a state was entered is kept from the first time on.
uint64_t* time_of(DomainKeyEntry& entry, KeyState state) {
  switch (state) {
    case KeyState::kActive: return &entry.activated;
    case KeyState::kDeactivated: return &entry.deactivated;
    case KeyState::kCompromised: return &entry.compromised;
    case KeyState::kDestroyed: return &entry.destroyed;
    case KeyState::kPreActive:
    case KeyState::kSuspended: return nullptr;
  }
  return nullptr;
}

void enter_state(DomainKeyEntry& entry, KeyState state, uint64_t now) {
  entry.state = state;
  if (uint64_t* time = time_of(entry, state); time != nullptr && *time == 0) *time = now;
  if (state == KeyState::kDestroyed) entry.key = {};
}

}  // namespace

bool valid_domain_name(std::string_view name) {
  if (name.empty() || name.size() > kDomainNameSizeMax) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

bool valid_root_name(std::string_view name) {
  if (name.empty() || name.size() > kRootNameSizeMax) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

const DomainKeyEntry* Domain::active() const {
  // The active key is nearly always the last.
  for (auto entry = keys.rbegin(); entry != keys.rend(); ++entry) {
    if (entry->state == KeyState::kActive) return &*entry;
  }
  return nullptr;
}

const DomainKeyEntry* Domain::wrapping(uint64_t now) const {
  const DomainKeyEntry* key = active();
  return key != nullptr && key->may_wrap_at(now) ? key : nullptr;
}

Result<Keyring> Keyring::create(const Id& coffer_id, uint64_t now) {
  if (coffer_id.is_zero()) return {Code::kInvalidArgument, "a coffer's id is not all zeros"};
  Keyring keyring;
  keyring.coffer_id_ = coffer_id;
  keyring.created_ = now;
  keyring.updated_ = now;
  COFFER_ASSIGN(keyring.audit_key_, make_audit_key());
  COFFER_TRY(keyring.add_domain(kSystemDomain, now));
  return keyring;
}

Result<Keyring> Keyring::clone_for(const Id& coffer_id, uint64_t now) const {
  Keyring copy = *this;
  COFFER_ASSIGN(copy.audit_key_, make_audit_key());
  copy.audit_head_ = {};
  copy.coffer_id_ = coffer_id;
  copy.created_ = now;
  copy.updated_ = now;
  copy.stores_.clear();
  copy.reindex();
  return copy;
}

Keyring Keyring::without_keys() const {
  Keyring copy = *this;
  copy.audit_key_ = {};
  for (Domain& domain : copy.domains_) {
    for (DomainKeyEntry& entry : domain.keys) entry.key = {};
  }
  return copy;
}

Status Keyring::check_has_keys() const {
  if (has_keys()) return Status::ok();
  return {Code::kKeyUnavailable, "the keys of the keyring were taken back"};
}

Result<Signed> Keyring::sign(ByteView message) const {
  COFFER_TRY(check_has_keys());
  COFFER_ASSIGN(const AuditKey key, audit_key_.open());
  COFFER_ASSIGN(const SecretBytes seed, derive(key.reveal(), "certificate", coffer_id_.bytes, 32));
  return coffer::sign(seed.reveal(), message);
}

Result<RootKey> Keyring::config_sealing_key() const {
  COFFER_TRY(check_has_keys());
  COFFER_ASSIGN(const AuditKey key, audit_key_.open());
  COFFER_ASSIGN(SecretBytes out, derive(key.reveal(), "config values", coffer_id_.view(), 32));
  return RootKey(std::move(out));
}

Result<Sha256> Keyring::authenticate(std::string_view label, std::string_view message) const {
  COFFER_TRY(check_has_keys());
  Bytes whole = labelled(label, coffer_id_.view());
  whole.insert(whole.end(), message.begin(), message.end());
  COFFER_ASSIGN(const AuditKey key, audit_key_.open());
  return hmac_sha256(key.reveal(), whole);
}

const Domain* Keyring::find_domain(std::string_view name) const {
  auto found =
      std::find_if(domains_.begin(), domains_.end(), [&](const Domain& domain) { return domain.name == name; });
  return found == domains_.end() ? nullptr : &*found;
}

FoundKey Keyring::find_key(const Id& key_id) const {
  auto found = index_.find(key_id);
  if (found == index_.end()) return {};
  const Domain& domain = domains_[found->second.first];
  return {&domain, &domain.keys[found->second.second]};
}

Status Keyring::add_domain(std::string_view name, uint64_t now) {
  if (!valid_domain_name(name)) {
    return {Code::kInvalidArgument, "domain name " + in_quotes(name) + ": use 1 to 64 of a-z, 0-9, '.', '_' and '-'"};
  }
  if (find_domain(name) != nullptr) return {Code::kAlreadyExists, "domain " + in_quotes(name) + " exists already"};
  if (domains_.size() >= UINT16_MAX) return {Code::kLimitExceeded, "a keyring has at most 65535 domains"};
  COFFER_ASSIGN(DomainKeyEntry key, make_active_key(1, now));
  Domain domain;
  domain.name = name;
  domain.keys.push_back(std::move(key));
  domains_.push_back(std::move(domain));
  reindex();
  return {};
}

Status Keyring::rotate_domain(std::string_view name, uint64_t now) {
  auto domain = std::find_if(domains_.begin(), domains_.end(), [&](const Domain& each) { return each.name == name; });
  if (domain == domains_.end()) return {Code::kNotFound, "no domain " + in_quotes(name) + " in the keyring"};
  if (domain->keys.size() >= UINT16_MAX) {
    return {Code::kLimitExceeded, "domain " + in_quotes(name) + " has 65535 keys, the most a keyring can hold"};
  }
  COFFER_ASSIGN(DomainKeyEntry key, make_active_key(domain->keys.back().version + 1, now));
  for (DomainKeyEntry& entry : domain->keys) {
    if (entry.state == KeyState::kActive) enter_state(entry, KeyState::kDeactivated, now);
  }
  domain->keys.push_back(std::move(key));
  reindex();
  return {};
}

Status Keyring::set_key_state(const Id& key_id, KeyState state, uint64_t now) {
  auto found = index_.find(key_id);
  if (found == index_.end()) return {Code::kNotFound, "no key " + key_id.hex() + " in the keyring"};
  Domain& domain = domains_[found->second.first];
  DomainKeyEntry& entry = domain.keys[found->second.second];
  const std::string name = name_of(entry, domain);
  if (!may_become(entry.state, state)) {
    return {Code::kInvalidArgument, name + " is " + std::string(key_state_name(entry.state)) + " and cannot become " +
                                        std::string(key_state_name(state))};
  }
  if (const DomainKeyEntry* active = domain.active(); state == KeyState::kActive && active != nullptr) {
    return {Code::kInvalidArgument, name + " cannot become active while key " + std::to_string(active->version) +
                                        " is; suspend or deactivate that one first"};
  }
  enter_state(entry, state, now);
  return {};
}

Status Keyring::change_key(const Id& key_id, KeyState state, uint64_t now) {
  const FoundKey found = find_key(key_id);
  const DomainKeyEntry* active = found.domain != nullptr ? found.domain->active() : nullptr;
  if (active == nullptr || (state != KeyState::kActive && found.entry != active)) {
    return set_key_state(key_id, state, now);
  }
  const std::string domain = found.domain->name;
  if (state == KeyState::kActive && found.entry->expires != 0 && found.entry->expires <= now) {
    return {Code::kInvalidArgument, name_of(*found.entry, *found.domain) + " has expired; give it another date first"};
  }
  Keyring changed = *this;
  if (state == KeyState::kActive) {
    if (found.entry != active) COFFER_TRY(changed.set_key_state(active->id, KeyState::kDeactivated, now));
    COFFER_TRY(changed.set_key_state(key_id, state, now));
  } else {
    COFFER_TRY(changed.set_key_state(key_id, state, now));
    COFFER_TRY(changed.rotate_domain(domain, now));
  }
  *this = std::move(changed);
  return {};
}

Result<Domain*> Keyring::domain_to_lock(std::string_view name) {
  auto domain = std::find_if(domains_.begin(), domains_.end(), [&](const Domain& each) { return each.name == name; });
  if (domain == domains_.end()) return {Code::kNotFound, "no domain " + in_quotes(name) + " in the keyring"};
  if (name != kSystemDomain) return &*domain;
  return {Code::kInvalidArgument, "the domain \"system\" cannot be locked: without it no database opens; lock the " +
                                      std::string("domain of a tenant, or revoke the root key at its provider")};
}

Status Keyring::lock_domain(std::string_view name, uint64_t now) {
  COFFER_ASSIGN(Domain * domain, domain_to_lock(name));
  if (domain->locked == 0) domain->locked = now;
  return {};
}

Status Keyring::unlock_domain(std::string_view name) {
  COFFER_ASSIGN(Domain * domain, domain_to_lock(name));
  domain->locked = 0;
  return {};
}

Status Keyring::shred_domain(std::string_view name, uint64_t now) {
  auto domain = std::find_if(domains_.begin(), domains_.end(), [&](const Domain& each) { return each.name == name; });
  if (domain == domains_.end()) return {Code::kNotFound, "no domain " + in_quotes(name) + " in the keyring"};
  for (DomainKeyEntry& entry : domain->keys) {
    if (entry.state == KeyState::kDestroyed) continue;
    if (!may_become(entry.state, KeyState::kDestroyed)) enter_state(entry, KeyState::kDeactivated, now);
    enter_state(entry, KeyState::kDestroyed, now);
  }
  return {};
}

Status Keyring::set_key_expiry(const Id& key_id, uint64_t when) {
  auto found = index_.find(key_id);
  if (found == index_.end()) return {Code::kNotFound, "no key " + key_id.hex() + " in the keyring"};
  const Domain& domain = domains_[found->second.first];
  DomainKeyEntry& entry = domains_[found->second.first].keys[found->second.second];
  if (entry.state > KeyState::kSuspended) {
    return {Code::kInvalidArgument, name_of(entry, domain) + " is " + std::string(key_state_name(entry.state)) +
                                        " and wraps nothing any more; only a key that may still wrap can expire"};
  }
  entry.expires = when;
  return {};
}

void Keyring::reindex() {
  index_.clear();
  for (size_t domain = 0; domain < domains_.size(); ++domain) {
    for (size_t key = 0; key < domains_[domain].keys.size(); ++key) {
      index_[domains_[domain].keys[key].id] = {domain, key};
    }
  }
}

}  // namespace coffer
