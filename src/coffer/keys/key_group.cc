#include "coffer/keys/key_group.h"

#include <algorithm>

#include "coffer/base/check.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/key_wrap.h"
#include "coffer/keys/keyring_shard.h"

namespace coffer {
namespace {

Result<WrapKey> group_wrap_key(const Id& key_id, const KeyGroup& group, const GroupKey& group_key) {
  std::array<uint8_t, 32> context;
  std::ranges::copy(group.id.bytes, context.begin());
  std::ranges::copy(key_id.bytes, context.begin() + 16);
  COFFER_ASSIGN(SecretBytes key, derive(group_key.reveal(), "group domain key", context, 32));
  return WrapKey(std::move(key));
}

}  // namespace

Result<StoredDomainKey> StoredDomainKey::seal(const DomainKey& key) { return of_stored(key.reveal()); }

Result<StoredDomainKey> StoredDomainKey::of_stored(ByteView stored) {
  StoredDomainKey out;
  COFFER_ASSIGN(out.bytes_, RestingKey<StoredRole>::seal(Key<StoredRole>::copy_of(stored)));
  return out;
}

Result<StoredDomainKey> StoredDomainKey::wrap(const DomainKey& key, const Id& key_id, const KeyGroup& group,
                                              const GroupKey& group_key) {
  COFFER_ASSIGN(const WrapKey wrap_key, group_wrap_key(key_id, group, group_key));
  COFFER_ASSIGN(const Bytes wrapped, kwp_wrap(wrap_key, key.reveal()));
  return of_stored(wrapped);
}

Result<DomainKey> StoredDomainKey::open() const {
  COFFER_REQUIRE(!is_wrapped(), "a key of a group's domain is opened by its group's key");
  COFFER_ASSIGN(const SecretBytes bytes, stored());
  return DomainKey::copy_of(bytes.reveal());
}

Result<DomainKey> StoredDomainKey::unwrap(const Id& key_id, const KeyGroup& group, const GroupKey& group_key) const {
  COFFER_ASSIGN(const SecretBytes wrapped, stored());
  COFFER_ASSIGN(const WrapKey wrap_key, group_wrap_key(key_id, group, group_key));
  auto key = kwp_unwrap(wrap_key, wrapped.reveal());
  if (!key.is_ok() && key.code() != Code::kWrongKey && key.code() != Code::kDamaged) return key.status();
  if (key.is_ok() && key->size() == kDomainKeySize) {
    COFFER_ASSIGN(const Id id, domain_key_id(tag_of_id(key_id), key->reveal()));
    if (equal_constant_time(id.bytes, key_id.bytes)) return DomainKey(std::move(*key));
  }
  return {Code::kTampered, "what key group \"" + group.name + "\" holds as key " + key_id.short_hex() +
                               " does not open as that key; restore the keyring from a backup"};
}

Result<SecretBytes> StoredDomainKey::stored() const {
  COFFER_ASSIGN(const Key<StoredRole> key, bytes_.open());
  return SecretBytes::copy_of(key.reveal());
}

Result<Id> group_key_id(const Id& group_id, const GroupKey& key) {
  COFFER_ASSIGN(const SecretBytes bytes, derive(key.reveal(), "group key id", group_id.view(), 16));
  Id out;
  std::ranges::copy(bytes.reveal(), out.bytes.begin());
  return out;
}

Result<Id> group_slot_context(const Id& group_id) {
  COFFER_ASSIGN(const Sha256 hash, sha256(labelled("coffer/v1 key group", group_id.view())));
  Id out;
  std::copy_n(hash.begin(), out.bytes.size(), out.bytes.begin());
  return out;
}

KeyringKey as_wrapped(const GroupKey& key) { return KeyringKey::copy_of(key.reveal()); }

Result<GroupKey> as_group_key(const KeyringKey& unwrapped) {
  if (unwrapped.size() == kGroupKeySize) return GroupKey::copy_of(unwrapped.reveal());
  return {Code::kTampered, "a group key has 32 bytes, and what the slot wraps has not"};
}

}  // namespace coffer
