// The key groups of a keyring, and what of its domains' keys depends on them.
#include <algorithm>

#include "coffer/crypto/random.h"
#include "coffer/keys/keyring.h"
#include "coffer/keys/keyring_body.h"
#include "coffer/keys/keyring_shard.h"

namespace coffer {
namespace {

// In a message; the others are counted.
constexpr size_t kDomainsToName = 3;

std::string in_marks(std::string_view name) { return "\"" + std::string(name) + "\""; }

Status no_such_group(std::string_view name) {
  return {Code::kNotFound, "no key group " + in_marks(name) + " in the keyring; coffer group list shows them"};
}

}  // namespace

const KeyGroup* Keyring::find_group(std::string_view name) const {
  const auto found = std::ranges::find(groups_, name, &KeyGroup::name);
  return found == groups_.end() ? nullptr : &*found;
}

const KeyGroup* Keyring::group_of(const Domain& domain) const {
  const auto found = std::ranges::lower_bound(groups_, domain.group, {}, &KeyGroup::number);
  return found == groups_.end() || found->number != domain.group ? nullptr : &*found;
}

Result<GroupKey> Keyring::key_of(const KeyGroup& group) const {
  if (group_keys_ != nullptr) return group_keys_->key_of(group);
  return {Code::kKeyUnavailable, "key group \"" + group.name + "\" is closed: no root key is asked for here"};
}

Result<DomainKey> Keyring::open_key(const FoundKey& found) const {
  const KeyGroup* group = group_of(*found.domain);
  if (found.entry->key.empty()) return {Code::kKeyUnavailable, "the key was destroyed or taken back"};
  if (group == nullptr) return found.entry->key.open();
  auto key = key_of(*group);
  if (!key.is_ok()) return key.status().with_context("domain \"" + found.domain->name + "\"");
  return found.entry->key.unwrap(found.entry->id, *group, *key);
}

Result<DomainKeyEntry> Keyring::make_active_key(const KeyGroup* group, DomainTag tag, uint32_t version,
                                                uint64_t now) const {
  DomainKeyEntry entry;
  COFFER_ASSIGN(const DomainKey key, random_key<DomainRole>(kDomainKeySize));
  COFFER_ASSIGN(entry.id, domain_key_id(tag, key.reveal()));
  if (group == nullptr) {
    COFFER_ASSIGN(entry.key, StoredDomainKey::seal(key));
  } else {
    COFFER_ASSIGN(const GroupKey group_key, key_of(*group));
    COFFER_ASSIGN(entry.key, StoredDomainKey::wrap(key, entry.id, *group, group_key));
  }
  entry.version = version;
  entry.state = KeyState::kActive;
  entry.created = now;
  entry.activated = now;
  return entry;
}

Status Keyring::check_new_group(std::string_view name) const {
  const std::string what = "key group \"" + std::string(name) + "\"";
  if (!valid_domain_name(name)) {
    return {Code::kInvalidArgument, what + ": a name has 1 to 64 of a-z, 0-9, '.', '_' and '-'"};
  }
  if (find_group(name) != nullptr) return {Code::kAlreadyExists, what + " exists already"};
  if (groups_.size() < kKeyGroupCountMax) return Status::ok();
  return {Code::kLimitExceeded, "the keyring has 4096 key groups, which is as many as there may be"};
}

Status Keyring::add_group(KeyGroup group) {
  COFFER_TRY(check_new_group(group.name));
  // The lowest number that none has: no domain has it either, or its group could not have been removed.
  GroupNumber free = 1;
  auto before = groups_.begin();
  for (; before != groups_.end() && before->number == free; ++before) ++free;
  group.number = free;
  groups_.insert(before, std::move(group));
  return Status::ok();
}

Status Keyring::remove_group(std::string_view name) {
  const KeyGroup* group = find_group(name);
  if (group == nullptr) return no_such_group(name);
  size_t count = 0;
  std::string names;
  for (const Domain& domain : domains()) {
    if (domain.group != group->number) continue;
    if (++count <= kDomainsToName) names += (names.empty() ? "" : ", ") + domain.name;
  }
  if (count > kDomainsToName) names += " and " + std::to_string(count - kDomainsToName) + " more";
  if (count > 0) {
    return {Code::kBusy, "key group " + in_marks(name) + " has domains: " + names +
                             "; coffer domain move takes a domain out of its group"};
  }
  groups_.erase(groups_.begin() + (group - groups_.data()));
  return Status::ok();
}

namespace {

Status rewrap_keys(std::span<DomainKeyEntry> keys, const KeyGroup& group, const GroupKey& was, const GroupKey& now) {
  for (DomainKeyEntry& entry : keys) {
    if (entry.key.empty()) continue;
    COFFER_ASSIGN(const DomainKey key, entry.key.unwrap(entry.id, group, was));
    COFFER_ASSIGN(entry.key, StoredDomainKey::wrap(key, entry.id, group, now));
  }
  return Status::ok();
}

}  // namespace

Status Keyring::renew_group(KeyGroup group, const GroupKey& was, const GroupKey& now) {
  const auto present = std::ranges::find(groups_, group.id, &KeyGroup::id);
  if (present == groups_.end()) return {Code::kNotFound, "key group \"" + group.name + "\" is not in the keyring"};
  group.number = present->number;
  Keyring changed = *this;
  for (size_t shard = 0; shard < shards_.size(); ++shard) {
    const std::vector<Domain>& domains = shards_[shard].contents->domains();
    for (size_t at = 0; at < domains.size(); ++at) {
      if (domains[at].group != group.number) continue;
      COFFER_TRY(rewrap_keys(changed.own(shard).keys(at), group, was, now));
    }
  }
  changed.groups_[static_cast<size_t>(present - groups_.begin())] = std::move(group);
  *this = std::move(changed);
  return Status::ok();
}

Status Keyring::bring_keys(std::span<DomainKeyEntry> keys, const KeyGroup* from, const KeyGroup* to) const {
  const bool has_bytes = std::ranges::any_of(keys, [](const DomainKeyEntry& entry) { return !entry.key.empty(); });
  if (!has_bytes) return Status::ok();
  GroupKey was, next;
  if (from != nullptr) {
    COFFER_ASSIGN(was, key_of(*from));
  }
  if (to != nullptr) {
    COFFER_ASSIGN(next, key_of(*to));
  }
  for (DomainKeyEntry& entry : keys) {
    if (entry.key.empty()) continue;
    COFFER_ASSIGN(const DomainKey key, from != nullptr ? entry.key.unwrap(entry.id, *from, was) : entry.key.open());
    COFFER_ASSIGN(entry.key,
                  to != nullptr ? StoredDomainKey::wrap(key, entry.id, *to, next) : StoredDomainKey::seal(key));
  }
  return Status::ok();
}

Status Keyring::move_domain(std::string_view name, uint64_t now, std::string_view group_name) {
  const Domain* domain = find_domain(name);
  if (domain == nullptr) return {Code::kNotFound, "no domain " + in_marks(name) + " in the keyring"};
  if (name == kSystemDomain) {
    return {Code::kInvalidArgument,
            "the domain \"system\" is in no key group: without it no database opens; move the " +
                std::string("domain of a tenant")};
  }
  const KeyGroup* to = group_name.empty() ? nullptr : find_group(group_name);
  if (to == nullptr && !group_name.empty()) return no_such_group(group_name);
  const KeyGroup* from = group_of(*domain);
  if (from == to) {
    return {Code::kAlreadyExists, "domain " + in_marks(name) + " is in " +
                                      (to != nullptr ? "key group " + in_marks(group_name) : "no key group") +
                                      " already"};
  }
  Keyring changed = *this;
  const size_t shard = shard_of(tag_of_id(domain->keys.front().id));
  const size_t at = shards_[shard].contents->position(*domain);
  Shard& own_shard = changed.own(shard);
  COFFER_TRY(bring_keys(own_shard.keys(at), from, to).with_context("domain " + in_marks(name)));
  own_shard.set_group(at, to != nullptr ? to->number : GroupNumber{0});
  COFFER_TRY(changed.rotate_domain(name, now));
  *this = std::move(changed);
  return Status::ok();
}

}  // namespace coffer
