// The keyring: every domain's keys with their history, and the stores a coffer protects. A value: changing one makes
// the next version. docs/format.md, "Keyring"; docs/keys.md.
#pragma once

#include <span>
#include <unordered_map>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/resting_key.h"
#include "coffer/crypto/signature.h"
#include "coffer/keys/key_state.h"
#include "coffer/keys/provider.h"
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
inline constexpr size_t kDomainKeySize = 32;
inline constexpr size_t kKeyringKeySize = 32;
inline constexpr size_t kAuditKeySize = 32;
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
  uint64_t expires = 0;        // from then on it wraps nothing more
  RestingKey<DomainRole> key;  // empty once destroyed

  bool may_wrap_at(uint64_t now) const { return may_wrap(state) && (expires == 0 || now < expires); }
};

struct Domain {
  std::string name;
  uint64_t locked = 0;               // since when nothing of it is read or written; 0: it is not
  std::vector<DomainKeyEntry> keys;  // by version, oldest first

  const DomainKeyEntry* active() const;  // null if none
  // The active key, unless it has expired by then; null if none.
  const DomainKeyEntry* wrapping(uint64_t now) const;
};

struct KeyringSlot {
  Id id;
  uint64_t created = 0;
  std::string root;  // the name that coffer.yaml has for the root key: all that a slot says of where that is
  RootKeyHandle handle;
  WrappedKeyringKey wrapped;
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

// The opened contents. Const member functions are thread-safe.
class Keyring {
 public:
  // Version 1 of a new coffer: the domain "system" with one active key, no store.
  static Result<Keyring> create(const Id& coffer_id, uint64_t now);

  // The same keys, for another coffer: without stores, with an audit key of its own and no audit log. The version
  // stays, since files have seen it.
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
  const std::vector<Domain>& domains() const { return domains_; }
  const std::vector<StoreEntry>& stores() const { return stores_; }

  const Domain* find_domain(std::string_view name) const;
  // By the id in an envelope; entry == nullptr when unknown. One lookup in a hash map.
  FoundKey find_key(const Id& key_id) const;
  const StoreEntry* find_store(const Id& id) const;
  // The store that has this very path, as path or also_at; null if none. One lookup in a hash map.
  const StoreEntry* store_at(std::string_view path) const;
  // The same of the path or the nearest parent of it that is a store's: one lookup for each parent.
  const StoreEntry* store_of(std::string_view path) const;

  // Changes. Each leaves the keyring as it was when it fails; kLimitExceeded where the format has no room.
  Status add_domain(std::string_view name, uint64_t now);  // kAlreadyExists, kInvalidArgument; with one active key
  // A new active key; the previous active one, if any, is deactivated. kNotFound.
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
  // The existing id if the path is known. kInvalidArgument for a path that StoreEntry::path could not be. The store is
  // not confirmed yet.
  Result<Id> add_store(std::string_view path, uint64_t now);
  // In place of the store of the same id. kNotFound; kInvalidArgument, kAlreadyExists or kLimitExceeded for what no
  // entry may be.
  Status replace_store(StoreEntry entry);
  Status remove_store(const Id& id);

 private:
  friend class KeyringBody;
  friend class KeyringCodec;
  Keyring() = default;
  Status check_has_keys() const;
  Result<Domain*> domain_to_lock(std::string_view name);
  void reindex();
  void index_places();

  Id coffer_id_;
  uint64_t version_ = 1;
  std::vector<Sha256> ancestors_;
  uint64_t created_ = 0;
  uint64_t updated_ = 0;
  RestingKey<AuditRole> audit_key_;
  AuditHead audit_head_;
  std::vector<Domain> domains_;
  std::vector<StoreEntry> stores_;
  std::unordered_map<Id, std::pair<size_t, size_t>, IdHash> index_;  // key id → domain, key
  PathMap places_;                                                   // path and also_at → store
};

// The clear part of a sealed keyring: what can be known without a root key.
struct KeyringHeader {
  Id coffer_id;
  uint64_t version = 0;
  std::vector<KeyringSlot> slots;
};

// Sealing and opening. Pure: bytes in, bytes out.
class KeyringCodec {
 public:
  // Checked in this order: kPlaintext: does not begin like a keyring; kTruncated: ends too early; kDamaged: checksum;
  // kUnsupported: version; kTampered: the checksum fits, but a rule of the format is broken. Nothing is authenticated
  // yet: a slot may name any provider.
  static Result<KeyringHeader> read_header(ByteView sealed);
  // kWrongKey when the commitment does not fit `key`; kTampered when the body does not authenticate, breaks a rule of
  // the format, or is of another version or coffer than the header says. Else as read_header().
  static Result<Keyring> open(ByteView sealed, const KeyringKey& key);
  // Seals `keyring` as it stands (its version and previous_hash included). kInvalidArgument for slots, kLimitExceeded
  // for a keyring that the format has no room for.
  static Result<Bytes> seal(const Keyring& keyring, std::span<const KeyringSlot> slots, const KeyringKey& key);
  // What the successor of `current_sealed` must say: version + 1 and its ancestors. For use right before seal().
  // kConflict when `keyring` does not descend from it: another version or coffer.
  static Status prepare_successor(Keyring& keyring, ByteView current_sealed, uint64_t now);
};

}  // namespace coffer
