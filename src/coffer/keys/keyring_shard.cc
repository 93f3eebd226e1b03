#include "coffer/keys/keyring_shard.h"

#include <algorithm>
#include <cstring>

namespace coffer {
namespace {

DomainTag tag_of_domain(const Domain& domain) { return tag_of_id(domain.keys.front().id); }

uint64_t begin_of(const Id& id) {
  uint64_t out;
  std::memcpy(&out, id.bytes.data(), sizeof out);
  return out;
}

constexpr auto kByTag = [](const auto& place, DomainTag tag) { return place.tag < tag; };
constexpr auto kByBegin = [](const auto& place, uint64_t begin) { return place.begin < begin; };

}  // namespace

Result<Id> domain_key_id(DomainTag tag, ByteView key) {
  Id id;
  id.bytes[0] = static_cast<uint8_t>(tag >> 8);
  id.bytes[1] = static_cast<uint8_t>(tag);
  COFFER_ASSIGN(const SecretBytes rest, derive(key, "domain key id", id.view().first(2), id.bytes.size() - 2));
  std::ranges::copy(rest.reveal(), id.bytes.begin() + 2);
  return id;
}

Result<std::shared_ptr<Shard>> Shard::of(std::vector<Domain> domains) {
  auto out = std::make_shared<Shard>();
  out->domains_ = std::move(domains);
  out->index();
  const Shard& shard = *out;
  for (size_t i = 1; i < shard.names_.size(); ++i) {
    const std::string& name = shard.domains_[shard.names_[i].domain].name;
    if (shard.names_[i].tag == shard.names_[i - 1].tag && name == shard.domains_[shard.names_[i - 1].domain].name) {
      return {Code::kInvalidArgument, "domain " + name + " must not repeat"};
    }
  }
  for (size_t i = 1; i < shard.keys_.size(); ++i) {
    const Id& id = shard.id_at(shard.keys_[i]);
    if (id == shard.id_at(shard.keys_[i - 1])) {
      return {Code::kInvalidArgument, "key id " + id.hex() + " must not repeat"};
    }
  }
  return out;
}

void Shard::index() {
  names_.clear();
  keys_.clear();
  for (uint32_t domain = 0; domain < domains_.size(); ++domain) {
    names_.push_back({tag_of_domain(domains_[domain]), domain});
    for (uint32_t key = 0; key < domains_[domain].keys.size(); ++key) {
      keys_.push_back({begin_of(domains_[domain].keys[key].id), domain, key});
    }
  }
  std::ranges::sort(names_, [&](const NamePlace& a, const NamePlace& b) {
    return a.tag != b.tag ? a.tag < b.tag : domains_[a.domain].name < domains_[b.domain].name;
  });
  std::ranges::sort(keys_, [&](const KeyPlace& a, const KeyPlace& b) {
    return a.begin != b.begin ? a.begin < b.begin : id_at(a) < id_at(b);
  });
}

const Domain* Shard::find(DomainTag tag, std::string_view name) const {
  for (auto at = std::lower_bound(names_.begin(), names_.end(), tag, kByTag); at != names_.end() && at->tag == tag;
       ++at) {
    if (domains_[at->domain].name == name) return &domains_[at->domain];
  }
  return nullptr;
}

FoundKey Shard::find_key(const Id& id) const {
  const uint64_t begin = begin_of(id);
  for (auto at = std::lower_bound(keys_.begin(), keys_.end(), begin, kByBegin); at != keys_.end() && at->begin == begin;
       ++at) {
    if (id_at(*at) == id) return {&domains_[at->domain], &domains_[at->domain].keys[at->key]};
  }
  return {};
}

void Shard::add(Domain domain) {
  const auto position = static_cast<uint32_t>(domains_.size());
  const NamePlace place{tag_of_domain(domain), position};
  names_.insert(std::lower_bound(names_.begin(), names_.end(), place.tag, kByTag), place);
  std::vector<DomainKeyEntry> keys = std::exchange(domain.keys, {});
  domains_.push_back(std::move(domain));
  for (DomainKeyEntry& key : keys) add_key(position, std::move(key));
}

void Shard::add_key(size_t position, DomainKeyEntry key) {
  std::vector<DomainKeyEntry>& keys = domains_[position].keys;
  const KeyPlace place{begin_of(key.id), static_cast<uint32_t>(position), static_cast<uint32_t>(keys.size())};
  keys_.insert(std::lower_bound(keys_.begin(), keys_.end(), place.begin, kByBegin), place);
  keys.push_back(std::move(key));
}

std::vector<Domain> Shard::take_from(DomainTag first) {
  const auto stays = [&](const Domain& domain) { return tag_of_domain(domain) < first; };
  const auto from = std::stable_partition(domains_.begin(), domains_.end(), stays);
  std::vector<Domain> taken(std::make_move_iterator(from), std::make_move_iterator(domains_.end()));
  domains_.erase(from, domains_.end());
  index();
  return taken;
}

}  // namespace coffer
