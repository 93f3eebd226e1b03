#include "coffer/keys/keyring.h"

#include <algorithm>

#include "coffer/base/text.h"
#include "coffer/crypto/random.h"
#include "coffer/keys/keyring_body.h"
#include "coffer/keys/keyring_shard.h"

namespace coffer {
namespace {

std::string in_quotes(std::string_view name) { return "\"" + std::string(name) + "\""; }

Status no_group(std::string_view name) {
  return {Code::kNotFound, "no key group " + in_quotes(name) + " in the keyring; coffer group add makes one"};
}

Result<RestingKey<AuditRole>> make_audit_key() {
  COFFER_ASSIGN(const AuditKey key, random_key<AuditRole>(kAuditKeySize));
  return RestingKey<AuditRole>::seal(key);
}

std::string name_of(const DomainKeyEntry& entry, const Domain& domain) {
  return "key " + std::to_string(entry.version) + " of domain " + in_quotes(domain.name);
}

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

}  // namespace

void DomainKeyEntry::enter(KeyState to, uint64_t now) {
  state = to;
  if (uint64_t* time = time_of(*this, to); time != nullptr && *time == 0) *time = now;
  if (to == KeyState::kDestroyed) key = {};
}

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

uint32_t Domain::shredded_through() const {
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    const bool was_in_use = key->activated != 0 && key->deactivated == 0 && key->compromised == 0;
    if (key->state == KeyState::kDestroyed && was_in_use) return key->version;
  }
  return 0;
}

Result<Keyring> Keyring::create(const Id& coffer_id, uint64_t now) {
  if (coffer_id.is_zero()) return {Code::kInvalidArgument, "a coffer's id is not all zeros"};
  Keyring keyring;
  keyring.coffer_id_ = coffer_id;
  keyring.created_ = now;
  keyring.updated_ = now;
  COFFER_ASSIGN(keyring.audit_key_, make_audit_key());
  COFFER_ASSIGN(const Key<TagRole> tag_key, random_key<TagRole>(kTagKeySize));
  COFFER_ASSIGN(keyring.tag_key_, RestingKey<TagRole>::seal(tag_key));
  ShardEntry all;
  all.contents = std::make_shared<Shard>();
  keyring.shards_.push_back(std::move(all));
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
  // Without nodes nobody would be first.
  for (const Rollout& rollout : rollouts_) copy.end_rollout(rollout.domain, now);
  copy.node_list_ = {};
  copy.backups_.clear();
  copy.questions_.clear();
  copy.index_places();
  // What seals a shard is bound to the coffer.
  for (ShardEntry& shard : copy.shards_) shard.key = {};
  return copy;
}

Keyring Keyring::without_keys() const {
  Keyring copy = *this;
  copy.audit_key_ = {};
  copy.node_list_.member_key = {};
  for (size_t i = 0; i < copy.shards_.size(); ++i) {
    Shard& shard = copy.own(i);
    for (size_t domain = 0; domain < shard.domains().size(); ++domain) {
      for (DomainKeyEntry& entry : shard.keys(domain)) entry.key = {};
    }
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

Status Keyring::add_domain(std::string_view name, uint64_t now, std::string_view group_name) {
  if (!valid_domain_name(name)) {
    return {Code::kInvalidArgument, "domain name " + in_quotes(name) + ": use 1 to 64 of a-z, 0-9, '.', '_' and '-'"};
  }
  COFFER_ASSIGN(const DomainTag tag, tag_of(name));
  const size_t shard = shard_of(tag);
  if (shards_[shard].contents->find(tag, name) != nullptr) {
    return {Code::kAlreadyExists, "domain " + in_quotes(name) + " exists already"};
  }
  const KeyGroup* group = group_name.empty() ? nullptr : find_group(group_name);
  if (group == nullptr && !group_name.empty()) return no_group(group_name);
  Domain domain;
  domain.name = name;
  domain.group = group != nullptr ? group->number : 0;
  COFFER_ASSIGN(DomainKeyEntry key, make_active_key(group, tag, 1, now));
  domain.keys.push_back(std::move(key));
  COFFER_TRY(check_room(shard, KeyringBody::size({&domain, 1})).with_context("domain " + in_quotes(name)));
  own(shard).add(std::move(domain));
  split(shard);
  return {};
}

Status Keyring::rotate_domain(std::string_view name, uint64_t now) {
  COFFER_TRY(add_domain_key(name, KeyState::kActive, now));
  end_rollout(name, now);
  return Status::ok();
}

Status Keyring::add_domain_key(std::string_view name, KeyState state, uint64_t now) {
  const Domain* domain = find_domain(name);
  if (domain == nullptr) return {Code::kNotFound, "no domain " + in_quotes(name) + " in the keyring"};
  if (domain->keys.size() >= UINT16_MAX) {
    return {Code::kLimitExceeded, "domain " + in_quotes(name) + " has 65535 keys, the most a keyring can hold"};
  }
  const DomainTag tag = tag_of_id(domain->keys.front().id);
  const size_t shard = shard_of(tag);
  COFFER_ASSIGN(DomainKeyEntry key, make_active_key(group_of(*domain), tag, domain->keys.back().version + 1, now));
  key.state = state;
  COFFER_TRY(check_room(shard, KeyringBody::size(key)).with_context("domain " + in_quotes(name)));
  const size_t at = shards_[shard].contents->position(*domain);
  Shard& changed = own(shard);
  for (DomainKeyEntry& entry : changed.keys(at)) {
    if (state == KeyState::kActive && entry.state == state) entry.enter(KeyState::kDeactivated, now);
  }
  changed.add_key(at, std::move(key));
  split(shard);
  return {};
}

Status Keyring::set_key_state(const Id& key_id, KeyState state, uint64_t now) {
  const FoundKey found = find_key(key_id);
  if (found.entry == nullptr) return {Code::kNotFound, "no key " + key_id.hex() + " in the keyring"};
  const std::string name = name_of(*found.entry, *found.domain);
  if (!may_become(found.entry->state, state)) {
    return {Code::kInvalidArgument, name + " is " + std::string(key_state_name(found.entry->state)) +
                                        " and cannot become " + std::string(key_state_name(state))};
  }
  if (state == KeyState::kDestroyed && found.entry == rollout_key(*found.domain)) {
    return {Code::kInvalidArgument, name + " is of a rollout, and nodes may have files under it; coffer rollout undo"};
  }
  if (const DomainKeyEntry* active = found.domain->active(); state == KeyState::kActive && active != nullptr) {
    return {Code::kInvalidArgument, name + " cannot become active while key " + std::to_string(active->version) +
                                        " is; suspend or deactivate that one first"};
  }
  const std::string domain = found.domain->name;
  own_key(found).enter(state, now);
  settle_rollout(domain, now);
  settle_questions();
  return {};
}

Status Keyring::change_key(const Id& key_id, KeyState state, uint64_t now) {
  const FoundKey found = find_key(key_id);
  const DomainKeyEntry* active = found.domain != nullptr ? found.domain->active() : nullptr;
  if (active == nullptr || (state != KeyState::kActive && found.entry != active)) {
    return set_key_state(key_id, state, now);
  }
  const std::string domain = found.domain->name;
  if (state == KeyState::kActive && found.entry->is_expired(now)) {
    return {Code::kInvalidArgument, name_of(*found.entry, *found.domain) + " has expired; give it another date first"};
  }
  if (state == KeyState::kActive && found.entry == rollout_key(*found.domain)) return finish_rollout(domain, now);
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

Status Keyring::set_locked(std::string_view name, uint64_t when) {
  const Domain* domain = find_domain(name);
  if (domain == nullptr) return {Code::kNotFound, "no domain " + in_quotes(name) + " in the keyring"};
  if (name == kSystemDomain) {
    return {Code::kInvalidArgument, "the domain \"system\" cannot be locked: without it no database opens; lock the " +
                                        std::string("domain of a tenant, or revoke the root key at its provider")};
  }
  if ((domain->locked != 0) == (when != 0)) return {};
  const size_t shard = shard_of(tag_of_id(domain->keys.front().id));
  const size_t at = shards_[shard].contents->position(*domain);
  own(shard).set_locked(at, when);
  return {};
}

Status Keyring::lock_domain(std::string_view name, uint64_t now) { return set_locked(name, now); }

Status Keyring::unlock_domain(std::string_view name) { return set_locked(name, 0); }

Status Keyring::shred_domain(std::string_view name, uint64_t now) {
  const Domain* domain = find_domain(name);
  if (domain == nullptr) return {Code::kNotFound, "no domain " + in_quotes(name) + " in the keyring"};
  const size_t shard = shard_of(tag_of_id(domain->keys.front().id));
  const size_t at = shards_[shard].contents->position(*domain);
  for (DomainKeyEntry& entry : own(shard).keys(at)) {
    if (entry.state != KeyState::kDestroyed) entry.enter(KeyState::kDestroyed, now);
  }
  end_rollout(name, now);
  settle_questions();
  return {};
}

Status Keyring::set_key_expiry(const Id& key_id, uint64_t when) {
  const FoundKey found = find_key(key_id);
  if (found.entry == nullptr) return {Code::kNotFound, "no key " + key_id.hex() + " in the keyring"};
  if (found.entry->state > KeyState::kSuspended) {
    return {Code::kInvalidArgument, name_of(*found.entry, *found.domain) + " is " +
                                        std::string(key_state_name(found.entry->state)) +
                                        " and wraps nothing any more; only a key that may still wrap can expire"};
  }
  own_key(found).expires = when;
  return {};
}

}  // namespace coffer
