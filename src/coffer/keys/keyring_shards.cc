// The shards of a keyring: which of them a domain or key is in, how one is changed and split.
#include <algorithm>
#include <unordered_set>

#include "coffer/keys/keyring_body.h"
#include "coffer/keys/keyring_shard.h"

namespace coffer {
namespace {

Result<DomainTag> tag_under(const Key<TagRole>& key, std::string_view name) {
  COFFER_ASSIGN(const SecretBytes tag, derive(key.reveal(), "domain tag", as_bytes(name), 2));
  return static_cast<DomainTag>(tag.reveal()[0] << 8 | tag.reveal()[1]);
}

}  // namespace

void DomainRange::Iterator::skip_empty() {
  while (here_.empty() && !shards_.empty()) {
    here_ = shards_.front().contents->domains();
    shards_ = shards_.subspan(1);
  }
}

size_t DomainRange::size() const {
  size_t size = 0;
  for (const ShardEntry& shard : shards_) size += shard.contents->domains().size();
  return size;
}

const Domain& DomainRange::operator[](size_t index) const {
  auto shard = shards_.begin();
  for (; index >= shard->contents->domains().size(); ++shard) index -= shard->contents->domains().size();
  return shard->contents->domains()[index];
}

Result<DomainTag> Keyring::tag_of(std::string_view name) const {
  COFFER_ASSIGN(const Key<TagRole> key, tag_key_.open());
  return tag_under(key, name);
}

Status Keyring::check_domains(const Shard& shard) const {
  COFFER_ASSIGN(const Key<TagRole> key, tag_key_.open());
  for (const Domain& domain : shard.domains()) {
    COFFER_ASSIGN(const DomainTag tag, tag_under(key, domain.name));
    if (domain.group != 0 && group_of(domain) == nullptr) {
      return {Code::kTampered, "the sealed keyring breaks a rule: domain " + domain.name +
                                   " must be in a key group that is there, or in none"};
    }
    if (tag == tag_of_id(domain.keys.front().id)) continue;
    return {Code::kTampered, "the sealed keyring breaks a rule: the ids of the keys of domain " + domain.name +
                                 " must begin with its tag"};
  }
  return Status::ok();
}

size_t Keyring::shard_of(DomainTag tag) const {
  const auto after = std::ranges::upper_bound(shards_, tag, {}, &ShardEntry::first);
  return static_cast<size_t>(after - shards_.begin()) - 1;
}

const Domain* Keyring::find_domain(std::string_view name) const {
  if (const auto tag = tag_of(name); tag.is_ok()) return shards_[shard_of(*tag)].contents->find(*tag, name);
  // A child of fork() cannot tell the tag.
  for (const Domain& domain : domains()) {
    if (domain.name == name) return &domain;
  }
  return nullptr;
}

FoundKey Keyring::find_key(const Id& key_id) const {
  return shards_[shard_of(tag_of_id(key_id))].contents->find_key(key_id);
}

std::vector<const Domain*> Keyring::domains_unlike(const Keyring& other) const {
  std::unordered_set<const Shard*> shared;
  for (const ShardEntry& shard : other.shards_) shared.insert(shard.contents.get());
  std::vector<const Domain*> out;
  for (const ShardEntry& shard : shards_) {
    if (shared.contains(shard.contents.get())) continue;
    for (const Domain& domain : shard.contents->domains()) out.push_back(&domain);
  }
  return out;
}

Shard& Keyring::own(size_t shard) {
  ShardEntry& entry = shards_[shard];
  entry.key = {};
  // Every shard was made as one that may be changed. One that others read is theirs as well, and the count is higher.
  if (entry.contents.use_count() == 1) return const_cast<Shard&>(*entry.contents);
  auto copy = std::make_shared<Shard>(*entry.contents);
  Shard& out = *copy;
  entry.contents = std::move(copy);
  return out;
}

DomainKeyEntry& Keyring::own_key(const FoundKey& found) {
  const size_t shard = shard_of(tag_of_id(found.entry->id));
  const size_t domain = shards_[shard].contents->position(*found.domain);
  const auto key = static_cast<size_t>(found.entry - found.domain->keys.data());
  return own(shard).keys(domain)[key];
}

Status Keyring::check_room(size_t shard, size_t more) const {
  const ShardEntry& entry = shards_[shard];
  const std::vector<Domain>& domains = entry.contents->domains();
  if (entry.depth < kShardDepthMax) return Status::ok();
  if (domains.size() < UINT16_MAX && KeyringBody::size(domains) + more <= kShardSizeMax - kShardFixedSize) {
    return Status::ok();
  }
  return {Code::kLimitExceeded, "the domains whose names give the same tag have no room for more in a keyring"};
}

void Keyring::split(size_t shard) {
  const auto too_large = [&] {
    const ShardEntry& entry = shards_[shard];
    return entry.depth < kShardDepthMax && KeyringBody::size(entry.contents->domains()) > kShardSizeSplit;
  };
  while (too_large()) {
    Shard& lower = own(shard);
    ++shards_[shard].depth;
    ShardEntry upper;
    upper.depth = shards_[shard].depth;
    upper.first = static_cast<DomainTag>(shards_[shard].first + upper.tag_count());
    // None repeats among them: none did before.
    upper.contents = Shard::of(lower.take_from(upper.first)).value();
    const size_t after = shard + 1;
    shards_.insert(shards_.begin() + static_cast<std::ptrdiff_t>(after), std::move(upper));
    split(after);
  }
}

}  // namespace coffer
