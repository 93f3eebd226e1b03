// The keyring: every domain's keys with their history, and the stores a coffer protects. A value: changing one makes
// the next version. docs/format.md, "Keyring"; docs/keys.md.
#pragma once

#include <functional>
#include <iterator>
#include <memory>
#include <span>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/resting_key.h"
#include "coffer/crypto/signature.h"
#include "coffer/keys/backup_list.h"
#include "coffer/keys/key_group.h"
#include "coffer/keys/key_question.h"
#include "coffer/keys/key_state.h"
#include "coffer/keys/node_list.h"
#include "coffer/keys/rollout.h"
#include "coffer/keys/store_entry.h"

namespace coffer {

inline constexpr size_t kKeyringFileSizeMax = size_t{17} << 20;
inline constexpr size_t kKeyringBodySizeMax = size_t{16} << 20;  // sealed, tag included
inline constexpr size_t kKeyringSlotCountMax = 16;
inline constexpr size_t kRootNameSizeMax = 64;
inline constexpr size_t kAncestorsMax = 64;
inline constexpr size_t kRootKeyHandleSizeMax = 512;
inline constexpr size_t kWrappedKeyringKeySizeMax = 2048;
inline constexpr uint8_t kWrapAlgorithmRecipient = 3;  // of slots that are sealed to a public key
inline constexpr size_t kDomainNameSizeMax = 64;
inline constexpr size_t kKeyringKeySize = 32;
inline constexpr size_t kAuditKeySize = 32;
inline constexpr size_t kTagKeySize = 32;
inline constexpr size_t kShardKeySize = 32;
inline constexpr size_t kKeyGroupCountMax = 4096;
inline constexpr uint8_t kShardDepthMax = 16;
inline constexpr std::string_view kSystemDomain = "system";

struct DomainKeyEntry {
  Id id;
  uint32_t version = 0;  // within its domain, from 1
  KeyState state = KeyState::kPreActive;
  // Unix seconds, 0 = never.
  uint64_t created = 0;
  uint64_t activated = 0;
  uint64_t deactivated = 0;
  uint64_t compromised = 0;
  uint64_t destroyed = 0;
  uint64_t expires = 0;  // from then on it wraps nothing more
  StoredDomainKey key;   // empty once destroyed; Keyring::open_key() opens it

  bool is_expired(uint64_t now) const { return expires != 0 && now >= expires; }
  bool may_wrap_at(uint64_t now) const { return may_wrap(state) && !is_expired(now); }
  // The time a state was entered is kept from the first time on. One that is destroyed has no bytes any more.
  void enter(KeyState to, uint64_t now);
};

struct Domain {
  std::string name;
  uint64_t locked = 0;               // since when nothing of it is read or written; 0: it is not
  GroupNumber group = 0;             // whose root key its keys need besides the coffer's; 0: none
  std::vector<DomainKeyEntry> keys;  // by version, oldest first

  const DomainKeyEntry* active() const;  // null if none
  // The version of the newest key that a shredding destroyed, 0 if there was none: what it and those before it
  // protected is never to come back, from nowhere. Only a shredding destroys a key that was never deactivated.
  uint32_t shredded_through() const;
  // Whether new files are under the key of this version somewhere: the active one, or that of a rollout.
  bool is_current(uint32_t version) const;
};

// Of the audit log, as of the save of a keyring: audit_log.h.
struct AuditHead {
  uint64_t count = 0;  // of its records
  Sha256 mac{};        // of the last one

  bool operator==(const AuditHead&) const = default;
};

struct FoundKey {
  const Domain* domain = nullptr;
  const DomainKeyEntry* entry = nullptr;
};

// Which shard a domain is in, and how the ids of its keys begin: 16 bits that its name gives under the coffer's tag
// key.
using DomainTag = uint16_t;
struct TagRole {};    // 32 bytes; gives names their tags
struct ShardRole {};  // 32 bytes; seals one shard once

// Domains whose tags begin with the same bits: keyring_shard.h.
class Shard;

// A shard, as the keyring's table has it.
struct ShardEntry {
  DomainTag first = 0;  // the lowest tag that it is for
  uint8_t depth = 0;    // how many leading bits of a tag it is for; 0: for all
  // Of the sealed shard there is; no key where it has changed since, or is in the keyring's body.
  RestingKey<ShardRole> key;
  uint32_t size = 0;
  Sha256 name{};
  std::shared_ptr<const Shard> contents;

  size_t tag_count() const { return size_t{1} << (kShardDepthMax - depth); }
  bool is_for(DomainTag tag) const { return tag >= first && size_t{tag} < first + tag_count(); }
};

// All domains, shard by shard; within one in the order in which they were added.
class DomainRange {
 public:
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = Domain;
    using difference_type = std::ptrdiff_t;
    using pointer = const Domain*;
    using reference = const Domain&;

    Iterator() = default;
    explicit Iterator(std::span<const ShardEntry> shards) : shards_(shards) { skip_empty(); }
    reference operator*() const { return here_.front(); }
    pointer operator->() const { return &here_.front(); }
    Iterator& operator++() {
      here_ = here_.subspan(1);
      if (here_.empty()) skip_empty();
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator& other) const {
      return shards_.size() == other.shards_.size() && here_.size() == other.here_.size();
    }

   private:
    void skip_empty();

    std::span<const ShardEntry> shards_;  // that are to come
    std::span<const Domain> here_;
  };

  explicit DomainRange(std::span<const ShardEntry> shards) : shards_(shards) {}
  Iterator begin() const { return Iterator(shards_); }
  Iterator end() const { return {}; }
  size_t size() const;
  bool empty() const { return size() == 0; }
  // REQUIRES: index < size(). As slow as the shards are many.
  const Domain& operator[](size_t index) const;

 private:
  std::span<const ShardEntry> shards_;
};

// The opened contents. Const member functions are thread-safe. A copy shares its shards with the original until one of
// the two changes a shard: that one alone is copied then.
class Keyring {
 public:
  // Version 1 of a new coffer: the domain "system" with one active key, no store.
  static Result<Keyring> create(const Id& coffer_id, uint64_t now);

  // The same keys, for another coffer: without stores, with an audit key of its own and no audit log. The version
  // stays, since files have seen it; so does the tag key, since keys have their ids from it.
  Result<Keyring> clone_for(const Id& coffer_id, uint64_t now) const;

  // The same, but no key has bytes any more: what a process keeps of a keyring whose keys were taken from it.
  Keyring without_keys() const;
  bool has_keys() const { return !audit_key_.empty(); }

  const Id& coffer_id() const { return coffer_id_; }
  uint64_t version() const { return version_; }
  uint64_t created() const { return created_; }
  uint64_t updated() const { return updated_; }
  // SHA-256 of the sealed keyrings before this one, newest first: as many as there were, at most kAncestorsMax.
  const std::vector<Sha256>& ancestors() const { return ancestors_; }
  // Of this coffer for good, whatever else is rotated.
  const RestingKey<AuditRole>& audit_key() const { return audit_key_; }
  // With a key of the coffer's that is derived from it, and so its own for good. Errors as coffer::sign().
  Result<Signed> sign(ByteView message) const;
  // HMAC-SHA-256 with the audit key over label ‖ 0x00 ‖ coffer id ‖ message.
  Result<Sha256> authenticate(std::string_view label, std::string_view message) const;
  // Seals values of the configuration of a program that uses the coffer; of the coffer for good, as the audit key.
  Result<RootKey> config_sealing_key() const;
  const AuditHead& audit_head() const { return audit_head_; }
  void set_audit_head(const AuditHead& head) { audit_head_ = head; }
  DomainRange domains() const { return DomainRange(shards_); }
  // Those of the shards that `other` does not share: what differs between the two is among them.
  std::vector<const Domain*> domains_unlike(const Keyring& other) const;
  // In the order of their tags, each of which belongs to one.
  const std::vector<ShardEntry>& shards() const { return shards_; }
  const std::vector<StoreEntry>& stores() const { return stores_; }

  const Domain* find_domain(std::string_view name) const;
  // By the id in an envelope; entry == nullptr when unknown.
  FoundKey find_key(const Id& key_id) const;
  // In the order of their numbers.
  const std::vector<KeyGroup>& groups() const { return groups_; }
  const KeyGroup* find_group(std::string_view name) const;
  // kAlreadyExists, kInvalidArgument, kLimitExceeded, or a group of this name may be added.
  Status check_new_group(std::string_view name) const;
  const KeyGroup* group_of(const Domain& domain) const;  // null: none
  // Opens groups from now on, for this keyring and copies of it. Without it all are closed.
  void open_groups_with(std::shared_ptr<GroupKeys> keys) { group_keys_ = std::move(keys); }
  // For the time of a use. Waits for the group's root the first time. Errors as GroupKeys::key_of(), naming the group;
  // kTampered: StoredDomainKey::unwrap(). kKeyUnavailable: it has no bytes any more.
  Result<DomainKey> open_key(const FoundKey& found) const;
  const StoreEntry* find_store(const Id& id) const;
  // The nodes that share the coffer, by their names.
  const std::vector<EnrolledNode>& nodes() const { return node_list_.nodes; }
  const EnrolledNode* find_node(std::string_view name) const;
  // As authenticate(), by what no node knows that was removed.
  Result<Sha256> authenticate_as_member(std::string_view label, std::string_view message) const;
  // In the order in which they were begun.
  const std::vector<ListedBackup>& backups() const { return backups_; }
  const ListedBackup* find_backup(const Id& id) const;  // null if none
  // Rotations that some nodes use first, by their domains: rollout.h. Of a domain: null if none runs.
  const std::vector<Rollout>& rollouts() const { return rollouts_; }
  const Rollout* find_rollout(std::string_view domain) const;
  // Its new key, by which files are opened everywhere; null if none runs.
  const DomainKeyEntry* rollout_key(const Domain& domain) const;
  // What nodes are asked, in the order in which they were. Of a key: null if nobody is.
  const std::vector<KeyQuestion>& questions() const { return questions_; }
  const KeyQuestion* find_question(const Id& key) const;
  // Those that a node of this name has, or (empty) a machine that is none: its own, and every node's at other places.
  StoreRefs stores_of_node(std::string_view node) const;
  // The store that has this very path there, as path or also_at, before one of every node's that has it; null if none.
  // A lookup in a hash map, or two where there is a node.
  const StoreEntry* store_at(std::string_view path, std::string_view node) const;
  // The same of the path or the nearest parent of it that is a store's: that for each parent.
  const StoreEntry* store_of(std::string_view path, std::string_view node) const;

  // Changes. Each leaves the keyring as it was when it fails; kLimitExceeded where the format has no room.
  // With one active key. kAlreadyExists, kInvalidArgument. In the group of this name, which has to open; empty: in
  // none.
  Status add_domain(std::string_view name, uint64_t now, std::string_view group = {});
  // A new active key, for every node at once; the previous active one, if any, is deactivated, and so is the key of a
  // rollout, which ends by that. kNotFound. A group has to open for it.
  Status rotate_domain(std::string_view name, uint64_t now);
  // kInvalidArgument if the table of states forbids it, or another key of the domain is active already; destroying
  // erases the key bytes. Nothing takes the place of an active key that leaves that state: rotate the domain for that.
  Status set_key_state(const Id& key_id, KeyState state, uint64_t now);
  // The same, and where the key was the active one of its domain, a fresh one becomes active. To make one active takes
  // the place of the one that is.
  Status change_key(const Id& key_id, KeyState state, uint64_t now);
  // From now on nothing of the domain is read or written, until it is unlocked. One that is so already stays so.
  // kNotFound; kInvalidArgument for system, without which no database opens.
  Status lock_domain(std::string_view name, uint64_t now);
  Status unlock_domain(std::string_view name);
  // Destroys every key of the domain, whatever its state. kNotFound.
  Status shred_domain(std::string_view name, uint64_t now);
  // From `when` on the key wraps nothing more; it may lie in the past. 0: never. kInvalidArgument for a key that does
  // not wrap any more.
  Status set_key_expiry(const Id& key_id, uint64_t when);
  // Brings a domain into the group of this name, or (empty) out of the one that it is in: what there is of its keys,
  // and a fresh one becomes active. The groups that it concerns have to open; that which it is in only if there are
  // bytes to bring. kNotFound; kAlreadyExists: there it is; kInvalidArgument for system.
  Status move_domain(std::string_view name, uint64_t now, std::string_view group);
  // Whose key is known by key_id, in slots that wrap it; the number is given here. Errors as check_new_group().
  Status add_group(KeyGroup group);
  // kNotFound; kBusy, naming some: domains are in it.
  Status remove_group(std::string_view name);
  // In place of the group of the same id: wraps the keys of its domains by `now`, which `was` wraps. kNotFound.
  Status renew_group(KeyGroup group, const GroupKey& was, const GroupKey& now);
  // kAlreadyExists: a node has its name or one of its keys; kForeign: it is of another coffer.
  Status add_node(const NodePublic& node, uint64_t now);
  // Other keys for a node of the same name. kNotFound: it is not there with the keys that it had; kAlreadyExists.
  Status renew_node(const NodePublic& had, const NodePublic& has);
  // Before its removal: no key that comes after is sealed to it. kNotFound.
  Status begin_node_removal(std::string_view name);
  // And a fresh member key, which authenticate_as_member() goes by. kNotFound.
  Status remove_node(std::string_view name);
  // kBusy where one is being forgotten at the same target: what the new one finds there might go.
  Status begin_backup(const Id& id, std::string_view target, uint64_t now);
  // kNotFound; kConflict unless it is being made.
  Status finish_backup(const Id& id, const Sha256& index);
  // Whole or not. kNotFound; kBusy where another one is being made at the same target.
  Status begin_forgetting(const Id& id);
  // kNotFound; kConflict unless it is being forgotten.
  Status forget_backup(const Id& id);
  // A new key that a first share of the nodes uses. kNotFound; kAlreadyExists: one runs; kInvalidArgument: there are no
  // nodes, or no active key. A group has to open for it.
  Status begin_rollout(std::string_view domain, uint64_t now);
  // The next share; behind the last one the new key is the active one, and the rollout is over. kNotFound: none runs,
  // here and below; kKeyUnavailable: it is halted.
  Status advance_rollout(std::string_view domain, uint64_t now);
  // Stays at its share. One that is halted already keeps its first reason.
  Status halt_rollout(std::string_view domain, RolloutHalt halt);
  // Begins its share anew. kInvalidArgument: it is not halted.
  Status resume_rollout(std::string_view domain, uint64_t now);
  // All nodes use the active key again; the new one is deactivated.
  Status undo_rollout(std::string_view domain, uint64_t now);
  // Asks the nodes whether a file needs the key, until it is destroyed. kNotFound; kAlreadyExists; kInvalidArgument for
  // a key that may wrap again, or is gone; kLimitExceeded.
  Status ask_about(const Id& key, uint64_t now);
  Status withdraw_question(const Id& key);  // kNotFound
  // Of the node of this name; empty: of every node. The existing id if such a store has the path. kInvalidArgument for
  // a path that StoreEntry::path could not be. The store is not confirmed yet.
  Result<Id> add_store(std::string_view path, uint64_t now, std::string_view node = {});
  // In place of the store of the same id, whose node stays. kNotFound; kInvalidArgument, kAlreadyExists or
  // kLimitExceeded for what no entry may be.
  Status replace_store(StoreEntry entry);
  Status remove_store(const Id& id);

 private:
  friend class KeyringBody;
  friend class KeyringCodec;
  friend class ShardCodec;
  Keyring() = default;
  Status check_has_keys() const;
  Status set_locked(std::string_view name, uint64_t when);
  Status add_domain_key(std::string_view name, KeyState state, uint64_t now);
  Status find_running(std::string_view domain, Rollout*& out);
  Status finish_rollout(std::string_view domain, uint64_t now);
  // Where one runs. Its key, if it is pre-active still, is deactivated.
  void end_rollout(std::string_view domain, uint64_t now);
  // Ends it where a key that it is about is not what it was.
  void settle_rollout(std::string_view domain, uint64_t now);
  // kTampered where one is of no domain, or of keys in other states.
  Status check_rollouts() const;
  // Takes away those whose key is not in a state that is asked about.
  void settle_questions();
  Status check_questions() const;  // kTampered where one is there
  Result<GroupKey> key_of(const KeyGroup& group) const;
  // What is done with a key that leaves one group for another (null: none). An entry without bytes stays without.
  Status bring_keys(std::span<DomainKeyEntry> keys, const KeyGroup* from, const KeyGroup* to) const;
  // `group`: null for none.
  Result<DomainKeyEntry> make_active_key(const KeyGroup* group, DomainTag tag, uint32_t version, uint64_t now) const;
  Result<DomainTag> tag_of(std::string_view name) const;
  // kTampered where it has a domain that its name does not lead to, or one of a group that is not there.
  Status check_domains(const Shard& shard) const;
  size_t shard_of(DomainTag tag) const;
  // To be changed: nobody else has it, and it is not as it was sealed any more. Pointers into it are void.
  Shard& own(size_t shard);
  DomainKeyEntry& own_key(const FoundKey& found);
  // kLimitExceeded where a shard that cannot be split has no room for so many bytes more.
  Status check_room(size_t shard, size_t more) const;
  // Splits it until no part is too large.
  void split(size_t shard);
  void index_places();
  ListedBackup* own_backup(const Id& id);

  Id coffer_id_;
  uint64_t version_ = 1;
  std::vector<Sha256> ancestors_;
  uint64_t created_ = 0;
  uint64_t updated_ = 0;
  RestingKey<AuditRole> audit_key_;
  AuditHead audit_head_;
  RestingKey<TagRole> tag_key_;
  std::vector<KeyGroup> groups_;  // by their numbers
  std::shared_ptr<GroupKeys> group_keys_;
  std::vector<ShardEntry> shards_;  // by the tags they are for
  std::vector<StoreEntry> stores_;
  NodeList node_list_;
  std::vector<ListedBackup> backups_;
  std::vector<Rollout> rollouts_;
  std::vector<KeyQuestion> questions_;
  StorePlaceMap places_;  // path and also_at, on whose node → store
};

// The clear part of a sealed keyring: what can be known without a root key.
struct KeyringHeader {
  Id coffer_id;
  uint64_t version = 0;
  std::vector<KeyringSlot> slots;
};

// Hands over the contents of a shard that this keyring names, and which it does not have yet.
using ShardSource = std::function<Result<std::shared_ptr<const Shard>>(const ShardEntry& shard, const Keyring& of)>;

// Sealing and opening. Pure: bytes in, bytes out.
class KeyringCodec {
 public:
  // Checked in this order: kPlaintext: does not begin like a keyring; kTruncated: ends too early; kDamaged: checksum;
  // kUnsupported: version; kTampered: the checksum fits, but a rule of the format is broken. Nothing is authenticated
  // yet: a slot may name any provider.
  static Result<KeyringHeader> read_header(ByteView sealed);
  // kWrongKey when the commitment does not fit `key`; kTampered when the body does not authenticate, breaks a rule of
  // the format, or is of another version or coffer than the header says. Else as read_header(). Every shard is asked
  // for, also where one cannot be had: then with the error of the first such.
  static Result<Keyring> open(ByteView sealed, const KeyringKey& key, const ShardSource& shards = {});
  // Seals `keyring` as it stands (its version and previous_hash included). kInvalidArgument for slots, kLimitExceeded
  // for a keyring that the format has no room for. REQUIRES: ShardCodec::seal_changed() was called before.
  static Result<Bytes> seal(const Keyring& keyring, std::span<const KeyringSlot> slots, const KeyringKey& key);
  // What the successor of `current_sealed` must say: version + 1 and its ancestors. For use right before seal().
  // kConflict when `keyring` does not descend from it: another version or coffer.
  static Status prepare_successor(Keyring& keyring, ByteView current_sealed, uint64_t now);

 private:
  static Status fill(Keyring& keyring, const ShardSource& shards);
};

}  // namespace coffer
