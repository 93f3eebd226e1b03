#include "coffer/keys/keyring_body.h"

#include <algorithm>
#include <unordered_set>

#include "coffer/keys/keyring_shard.h"
#include "coffer/keys/keyring_slot_codec.h"

namespace coffer {
namespace {

constexpr size_t kFixedSize = 16 + 8 + 8 + 8 + kAuditKeySize + 8 + 32 + kTagKeySize + 2 + 4 + 2;
constexpr size_t kShardEntrySize = 1 + 4 + kShardKeySize + 32;
constexpr size_t kDomainFixedSize = 1 + 8 + 2 + 2;
constexpr size_t kKeyFixedSize = 16 + 4 + 1 + 6 * 8 + 1;
// Flags of a store.
constexpr uint8_t kConfirmed = 1, kNamesEncrypted = 2;

constexpr size_t kStoreFixedSize = 16 + 8 + 1 + 2 + 2 + 1 + 2 + 2;
constexpr size_t kLineageSize = 16 + 8 + 1;
// What stands behind the nodes begins with such a byte; they begin with a size that is smaller.
constexpr uint8_t kSectionMarkMin = 0x40;

uint8_t next_byte(Reader ahead) { return ahead.u8(); }

Status broken(std::string rule) { return {Code::kTampered, "the sealed keyring breaks a rule: " + std::move(rule)}; }

Status encode_key(const DomainKeyEntry& key, Writer& writer) {
  writer.id(key.id);
  writer.u32(key.version);
  writer.u8(static_cast<uint8_t>(key.state));
  for (uint64_t time : {key.created, key.activated, key.deactivated, key.compromised, key.destroyed, key.expires}) {
    writer.u64(time);
  }
  COFFER_ASSIGN(const SecretBytes stored, key.key.stored());
  writer.bytes8(stored.reveal());
  return {};
}

// What a group's key has wrapped shows which key it is only once the group is open: StoredDomainKey::unwrap().
Status check_key_bytes(const DomainKeyEntry& key, ByteView bytes, bool in_group, const std::string& name) {
  if ((key.state == KeyState::kDestroyed) != bytes.empty()) return broken(name + " must have bytes unless destroyed");
  if (bytes.empty()) return {};
  if (in_group && bytes.size() != StoredDomainKey::kWrappedSize) return broken(name + " must have 40 bytes");
  if (in_group) return {};
  if (bytes.size() != kDomainKeySize) return broken(name + " must have 32 bytes");
  COFFER_ASSIGN(const Id id, domain_key_id(tag_of_id(key.id), bytes));
  if (!equal_constant_time(id.bytes, key.id.bytes)) return broken(name + " must have the id that its bytes give");
  return {};
}

Result<DomainKeyEntry> decode_key(Reader& reader, uint32_t expected_version, const Domain& of) {
  const std::string& domain = of.name;
  DomainKeyEntry key;
  key.id = reader.id();
  key.version = reader.u32();
  std::optional<KeyState> state = find_key_state(reader.u8());
  for (uint64_t* time :
       {&key.created, &key.activated, &key.deactivated, &key.compromised, &key.destroyed, &key.expires}) {
    *time = reader.u64();
  }
  const ByteView bytes = reader.bytes8(StoredDomainKey::kWrappedSize);
  if (!reader.ok()) return broken("it must not end within the keys of domain " + domain);
  const std::string name = "key " + std::to_string(expected_version) + " of domain " + domain;
  if (key.version != expected_version) return broken(name + " must not call itself " + std::to_string(key.version));
  if (!state.has_value()) return broken(name + " must be in a known state");
  key.state = *state;
  COFFER_TRY(check_key_bytes(key, bytes, of.group != 0, name));
  COFFER_ASSIGN(key.key, StoredDomainKey::of_stored(bytes));
  return key;
}

Result<Domain> decode_domain(Reader& reader) {
  Domain domain;
  domain.name = as_text(reader.bytes8(kDomainNameSizeMax));
  domain.locked = reader.u64();
  domain.group = reader.u16();
  const uint16_t key_count = reader.u16();
  if (!reader.ok()) return broken("it must not end within its domains");
  if (!valid_domain_name(domain.name)) return broken("a domain's name must be 1 to 64 of [a-z0-9._-]");
  if (domain.locked != 0 && domain.name == kSystemDomain) return broken("the domain system must not be locked");
  if (domain.group != 0 && domain.name == kSystemDomain) return broken("the domain system must be in no key group");
  if (key_count == 0) return broken("domain " + domain.name + " must have a key");
  int active_count = 0;
  for (uint32_t version = 1; version <= key_count; ++version) {
    COFFER_ASSIGN(DomainKeyEntry key, decode_key(reader, version, domain));
    if (key.state == KeyState::kActive) ++active_count;
    if (version > 1 && tag_of_id(key.id) != tag_of_id(domain.keys.front().id)) {
      return broken("the ids of all keys of domain " + domain.name + " must begin alike");
    }
    domain.keys.push_back(std::move(key));
  }
  if (active_count > 1) return broken("domain " + domain.name + " must not have two active keys");
  return domain;
}

size_t size_of(const StoreEntry& store) {
  size_t size = kStoreFixedSize + store.path.size() + store.also_at.size() + store.node.size();
  size += store.lineage.size() * kLineageSize;
  for (const std::string& domain : store.domains) size += 1 + domain.size();
  return size;
}

void encode_store(const StoreEntry& store, Writer& writer) {
  writer.id(store.id);
  writer.u64(store.created);
  writer.u8(static_cast<uint8_t>((store.confirmed ? kConfirmed : 0) | (store.names_encrypted ? kNamesEncrypted : 0)));
  writer.bytes16(as_bytes(store.path));
  writer.bytes16(as_bytes(store.also_at));
  writer.bytes8(as_bytes(store.node));
  writer.u16(static_cast<uint16_t>(store.lineage.size()));
  for (const Lineage& each : store.lineage) {
    writer.id(each.store);
    writer.u64(each.since);
    writer.u8(static_cast<uint8_t>(each.how));
  }
  writer.u16(static_cast<uint16_t>(store.domains.size()));
  for (const std::string& domain : store.domains) writer.bytes8(as_bytes(domain));
}

Result<StoreEntry> decode_store(Reader& reader) {
  StoreEntry store;
  store.id = reader.id();
  store.created = reader.u64();
  const uint8_t flags = reader.u8();
  store.path = as_text(reader.bytes16(kStorePathSizeMax));
  store.also_at = as_text(reader.bytes16(kStorePathSizeMax));
  store.node = as_text(reader.bytes8(kNodeNameSizeMax));
  for (uint16_t left = reader.u16(); left > 0 && reader.ok(); --left) {
    Lineage each{reader.id(), reader.u64(), LineageHow::kLinked};
    const uint8_t how = reader.u8();
    if (reader.ok() && !is_lineage(how)) return broken("a store's lineage must be of a known sort");
    each.how = static_cast<LineageHow>(how);
    store.lineage.push_back(each);
  }
  for (uint16_t left = reader.u16(); left > 0 && reader.ok(); --left) {
    store.domains.emplace_back(as_text(reader.bytes8(kDomainNameSizeMax)));
  }
  if (!reader.ok()) return broken("it must not end within its stores");
  if (flags > (kConfirmed | kNamesEncrypted)) return broken("a store must have no flags that are unknown");
  store.confirmed = (flags & kConfirmed) != 0;
  store.names_encrypted = (flags & kNamesEncrypted) != 0;
  if (const Status rule = check_store(store); !rule.is_ok()) return broken(std::string(rule.message()));
  return store;
}

// Version 1 has none before it.
size_t ancestor_count(uint64_t version) { return std::min<uint64_t>(version - 1, kAncestorsMax); }

Status check_unique(const std::vector<StoreEntry>& stores) {
  std::unordered_set<StorePlaceKey, StorePlaceHash, StorePlaceEqual> places;
  std::unordered_set<Id, IdHash> ids;
  for (const StoreEntry& store : stores) {
    if (!ids.insert(store.id).second) return broken("store id " + store.id.hex() + " must not repeat");
    for (const std::string* path : {&store.path, &store.also_at}) {
      if (path->empty() || places.insert({store.node, *path}).second) continue;
      return broken("store path " + *path + " must not repeat");
    }
  }
  return {};
}

bool in_body(const std::vector<ShardEntry>& shards) { return shards.size() == 1; }

Status encode_table(const std::vector<ShardEntry>& shards, Writer& writer) {
  for (const ShardEntry& shard : shards) {
    if (shard.key.empty()) return {Code::kInternal, "a shard of the keyring was changed and not sealed"};
    writer.u8(shard.depth);
    writer.u32(shard.size);
    COFFER_ASSIGN(const Key<ShardRole> key, shard.key.open());
    writer.bytes(key.reveal());
    writer.bytes(shard.name);
  }
  return {};
}

Result<std::vector<ShardEntry>> decode_table(Reader& reader, uint32_t count) {
  std::vector<ShardEntry> out;
  size_t next = 0;  // the tag that the next shard must begin with
  for (; count > 0; --count) {
    ShardEntry shard;
    shard.depth = reader.u8();
    shard.size = reader.u32();
    const ByteView key = reader.bytes(kShardKeySize);
    reader.copy_to(shard.name);
    if (!reader.ok()) return broken("it must not end within its shards");
    if (shard.depth == 0 || shard.depth > kShardDepthMax) return broken("a shard must be for 1 to 16 bits of the tags");
    if (shard.size < kShardFixedSize || shard.size > kShardSizeMax) return broken("a shard must have at most 16 MiB");
    if (next >= kShardCountMax || next % shard.tag_count() != 0) return broken("shards must share out the tags");
    shard.first = static_cast<DomainTag>(next);
    COFFER_ASSIGN(shard.key, RestingKey<ShardRole>::seal(Key<ShardRole>::copy_of(key)));
    shard.contents = std::make_shared<Shard>();
    next += shard.tag_count();
    out.push_back(std::move(shard));
  }
  if (next != kShardCountMax) return broken("shards must share out the tags");
  return out;
}

}  // namespace

size_t KeyringBody::size(const DomainKeyEntry& key) { return kKeyFixedSize + key.key.size(); }

size_t KeyringBody::size(std::span<const Domain> domains) {
  size_t size = 0;
  for (const Domain& domain : domains) {
    size += kDomainFixedSize + domain.name.size();
    for (const DomainKeyEntry& key : domain.keys) size += KeyringBody::size(key);
  }
  return size;
}

Status KeyringBody::encode(std::span<const Domain> domains, Writer& writer) {
  if (domains.size() > UINT16_MAX) return {Code::kInternal, "a shard has more domains than it can have"};
  writer.u16(static_cast<uint16_t>(domains.size()));
  for (const Domain& domain : domains) {
    writer.bytes8(as_bytes(domain.name));
    writer.u64(domain.locked);
    writer.u16(domain.group);
    writer.u16(static_cast<uint16_t>(domain.keys.size()));
    for (const DomainKeyEntry& key : domain.keys) COFFER_TRY(encode_key(key, writer));
  }
  return {};
}

Result<std::shared_ptr<const Shard>> KeyringBody::decode(Reader& reader, const ShardEntry& shard) {
  std::vector<Domain> domains;
  const uint16_t count = reader.u16();
  if (!reader.ok()) return broken("it must not end within its domains");
  for (uint16_t left = count; left > 0; --left) {
    COFFER_ASSIGN(Domain domain, decode_domain(reader));
    if (!shard.is_for(tag_of_id(domain.keys.front().id))) {
      return broken("domain " + domain.name + " must be in the shard of its tag");
    }
    domains.push_back(std::move(domain));
  }
  auto out = Shard::of(std::move(domains));
  if (!out.is_ok()) return broken(std::string(out.status().message()));
  return std::shared_ptr<const Shard>(std::move(*out));
}

size_t KeyringBody::size(const Keyring& keyring) {
  const std::vector<ShardEntry>& shards = keyring.shards();
  size_t size = kFixedSize + keyring.ancestors().size() * sizeof(Sha256);
  size += in_body(shards) ? 2 + KeyringBody::size(shards.front().contents->domains()) : shards.size() * kShardEntrySize;
  size += groups_size(keyring.groups());
  for (const StoreEntry& store : keyring.stores()) size += size_of(store);
  return size + node_list_size(keyring.node_list_) + backup_list_size(keyring.backups_) +
         rollouts_size(keyring.rollouts_) + questions_size(keyring.questions_);
}

Result<SecretBytes> KeyringBody::encode(const Keyring& keyring) {
  SecretBytes body(size(keyring));
  Writer writer(body.reveal_mutable());
  writer.id(keyring.coffer_id());
  writer.u64(keyring.version());
  for (const Sha256& ancestor : keyring.ancestors()) writer.bytes(ancestor);
  writer.u64(keyring.created());
  writer.u64(keyring.updated());
  COFFER_ASSIGN(const AuditKey audit_key, keyring.audit_key().open());
  writer.bytes(audit_key.reveal());
  writer.u64(keyring.audit_head().count);
  writer.bytes(keyring.audit_head().mac);
  COFFER_ASSIGN(const Key<TagRole> tag_key, keyring.tag_key_.open());
  writer.bytes(tag_key.reveal());
  write_groups(keyring.groups(), writer);
  const std::vector<ShardEntry>& shards = keyring.shards();
  writer.u32(static_cast<uint32_t>(shards.size()));
  COFFER_TRY(in_body(shards) ? encode(shards.front().contents->domains(), writer) : encode_table(shards, writer));
  writer.u16(static_cast<uint16_t>(keyring.stores().size()));
  for (const StoreEntry& store : keyring.stores()) encode_store(store, writer);
  COFFER_TRY(write_node_list(keyring.node_list_, writer));
  write_backup_list(keyring.backups_, writer);
  write_rollouts(keyring.rollouts_, writer);
  write_questions(keyring.questions_, writer);
  if (keyring.ancestors().size() != ancestor_count(keyring.version())) {
    return {Code::kInternal, "a keyring does not have as many ancestors as its version says"};
  }
  if (!writer.ok() || writer.written() != body.size()) return {Code::kInternal, "a keyring did not fit its own size"};
  return body;
}

Result<Keyring> KeyringBody::decode(ByteView body) {
  Reader reader(body);
  Keyring keyring;
  keyring.coffer_id_ = reader.id();
  keyring.version_ = reader.u64();
  if (reader.ok() && keyring.version_ == 0) return broken("versions must count from 1");
  if (reader.ok()) keyring.ancestors_.resize(ancestor_count(keyring.version_));
  for (Sha256& ancestor : keyring.ancestors_) reader.copy_to(ancestor);
  keyring.created_ = reader.u64();
  keyring.updated_ = reader.u64();
  const ByteView audit_key = reader.bytes(kAuditKeySize);
  keyring.audit_head_.count = reader.u64();
  reader.copy_to(keyring.audit_head_.mac);
  const ByteView tag_key = reader.bytes(kTagKeySize);
  if (!reader.ok()) return broken("it must not end within its first fields");
  COFFER_ASSIGN(keyring.groups_, read_groups(reader));
  const uint32_t shard_count = reader.u32();
  if (!reader.ok()) return broken("it must not end within its first fields");
  if (keyring.coffer_id_.is_zero()) return broken("the coffer id must not be zero");
  COFFER_ASSIGN(keyring.audit_key_, RestingKey<AuditRole>::seal(AuditKey::copy_of(audit_key)));
  COFFER_ASSIGN(keyring.tag_key_, RestingKey<TagRole>::seal(Key<TagRole>::copy_of(tag_key)));
  if (shard_count == 1) {
    keyring.shards_.emplace_back();
    COFFER_ASSIGN(keyring.shards_.front().contents, decode(reader, keyring.shards_.front()));
    COFFER_TRY(keyring.check_domains(*keyring.shards_.front().contents));
    if (keyring.find_domain(kSystemDomain) == nullptr) return broken("the domain system must be there");
  } else {
    COFFER_ASSIGN(keyring.shards_, decode_table(reader, shard_count));
  }
  for (uint16_t left = reader.u16(); left > 0; --left) {
    COFFER_ASSIGN(StoreEntry store, decode_store(reader));
    keyring.stores_.push_back(std::move(store));
  }
  if (reader.ok() && reader.remaining() > 0 && next_byte(reader) < kSectionMarkMin) {
    COFFER_ASSIGN(keyring.node_list_, read_node_list(reader));
  }
  if (reader.ok() && next_byte(reader) == kBackupListMark) {
    COFFER_ASSIGN(keyring.backups_, read_backup_list(reader));
  }
  if (reader.ok() && next_byte(reader) == kRolloutsMark) {
    COFFER_ASSIGN(keyring.rollouts_, read_rollouts(reader));
  }
  if (reader.ok() && next_byte(reader) == kQuestionsMark) {
    COFFER_ASSIGN(keyring.questions_, read_questions(reader));
  }
  if (!reader.finished()) return broken("it must end with its last store, node, backup, rollout or question");
  COFFER_TRY(check_unique(keyring.stores_));
  keyring.index_places();
  return keyring;
}

}  // namespace coffer
