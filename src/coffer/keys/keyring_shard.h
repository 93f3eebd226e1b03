// A shard: the domains whose tags begin with the same bits, found by name and by key. What a change of the keyring
// copies, and what is written anew for it. docs/format.md, section 7, "Shards".
#pragma once

#include "coffer/keys/keyring.h"

namespace coffer {

// Larger shards are split in two when they are changed. At this size as much is written of a shard as of the table of
// shards, where there are 100,000 domains: docs/adr/0029-the-keyring-is-sharded.md.
inline constexpr size_t kShardSizeSplit = size_t{32} << 10;
inline constexpr size_t kShardSizeMax = size_t{16} << 20;           // sealed
inline constexpr size_t kShardFixedSize = 8 + 2 + 16 + 2 + 16 + 4;  // what a sealed shard has besides domains
inline constexpr size_t kShardCountMax = size_t{1} << kShardDepthMax;

// How the ids of all keys of one domain begin.
inline DomainTag tag_of_id(const Id& id) { return static_cast<DomainTag>(id.bytes[0] << 8 | id.bytes[1]); }
// tag ‖ Derive(key, "domain key id", tag, 14)
Result<Id> domain_key_id(DomainTag tag, ByteView key);

// Const member functions are thread-safe.
class Shard {
 public:
  Shard() = default;
  // kInvalidArgument, naming what repeats: names of domains and ids of keys must not. Each domain has a key.
  static Result<std::shared_ptr<Shard>> of(std::vector<Domain> domains);

  const std::vector<Domain>& domains() const { return domains_; }
  const Domain* find(DomainTag tag, std::string_view name) const;  // null if none
  FoundKey find_key(const Id& id) const;
  size_t position(const Domain& domain) const { return static_cast<size_t>(&domain - domains_.data()); }

  // Changes. REQUIRES: nothing repeats.
  void add(Domain domain);
  void add_key(size_t position, DomainKeyEntry key);
  // Their states and dates are free; their ids stay.
  std::span<DomainKeyEntry> keys(size_t position) { return domains_[position].keys; }
  void set_locked(size_t position, uint64_t when) { domains_[position].locked = when; }
  void set_group(size_t position, GroupNumber group) { domains_[position].group = group; }
  // What it is without the domains of these tags and above, which it gives up.
  std::vector<Domain> take_from(DomainTag first);

 private:
  struct NamePlace {
    DomainTag tag;
    uint32_t domain;
  };
  struct KeyPlace {
    uint64_t begin;  // of the id
    uint32_t domain;
    uint32_t key;
  };
  void index();
  const Id& id_at(const KeyPlace& place) const { return domains_[place.domain].keys[place.key].id; }

  std::vector<Domain> domains_;
  std::vector<NamePlace> names_;  // by tag, then by name
  std::vector<KeyPlace> keys_;    // by begin
};

}  // namespace coffer
