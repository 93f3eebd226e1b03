// Key groups: domains whose keys are wrapped by a root key of their own, besides the coffer's. docs/format.md,
// section 7, "Key groups"; docs/adr/0035.
#pragma once

#include "coffer/crypto/resting_key.h"
#include "coffer/keys/provider.h"

namespace coffer {

inline constexpr size_t kDomainKeySize = 32;
inline constexpr size_t kGroupKeySize = 32;

struct KeyringSlot {
  Id id;
  uint64_t created = 0;
  std::string root;  // the name that coffer.yaml has for the root key: all that a slot says of where that is
  RootKeyHandle handle;
  WrappedKeyringKey wrapped;
};

struct GroupRole {};  // 32 bytes; wraps the keys of a group's domains
using GroupKey = Key<GroupRole>;

// Of a group in its keyring, from 1; 0: no group, the coffer's root alone.
using GroupNumber = uint16_t;

struct KeyGroup {
  GroupNumber number = 0;
  Id id;
  std::string name;
  uint64_t created = 0;
  Id key_id;                       // that the group key gives
  std::vector<KeyringSlot> slots;  // each wraps the group key
};

// Where group keys come from. Implementations are thread-safe.
class GroupKeys {
 public:
  virtual ~GroupKeys() = default;
  // Waits for the provider of the group's root, the first time. Fails with why the group is closed.
  virtual Result<GroupKey> key_of(const KeyGroup& group) = 0;
};

// A domain's key as its keyring has it: its bytes or, in a group, what the group key has made of them. Const member
// functions are thread-safe.
class StoredDomainKey {
 public:
  static constexpr size_t kWrappedSize = kDomainKeySize + 8;

  StoredDomainKey() = default;  // no key
  static Result<StoredDomainKey> seal(const DomainKey& key);
  // As they stand in a keyring: 0, kDomainKeySize or kWrappedSize bytes.
  static Result<StoredDomainKey> of_stored(ByteView stored);
  static Result<StoredDomainKey> wrap(const DomainKey& key, const Id& key_id, const KeyGroup& group,
                                      const GroupKey& group_key);

  bool empty() const { return bytes_.empty(); }
  size_t size() const { return bytes_.size(); }
  bool is_wrapped() const { return size() == kWrappedSize; }
  // kKeyUnavailable in a child of fork(), as for both below. REQUIRES: !is_wrapped()
  Result<DomainKey> open() const;
  // kTampered when it is another key than that id's, or another group key than the one that wrapped it.
  Result<DomainKey> unwrap(const Id& key_id, const KeyGroup& group, const GroupKey& group_key) const;
  Result<SecretBytes> stored() const;

 private:
  struct StoredRole {};
  RestingKey<StoredRole> bytes_;
};

// The id that a group key has, by which it is known to be the group's.
Result<Id> group_key_id(const Id& group_id, const GroupKey& key);
// What slots of the group are bound to in place of a coffer's id: so none of them can stand for a keyring's slot, or
// for one of another group. docs/format.md, "Key groups".
Result<Id> group_slot_context(const Id& group_id);
// A group key is wrapped as keyring keys are: by the same providers.
KeyringKey as_wrapped(const GroupKey& key);
// kTampered for what cannot be one.
Result<GroupKey> as_group_key(const KeyringKey& unwrapped);

}  // namespace coffer
