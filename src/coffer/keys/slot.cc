#include "coffer/keys/slot.h"

#include "coffer/base/clock.h"
#include "coffer/crypto/random.h"

namespace coffer {

Result<KeyringSlot> make_slot(RootKeyProvider& provider, const Id& coffer_id, const KeyringKey& key) {
  KeyringSlot slot;
  COFFER_ASSIGN(slot.id, random_id());
  COFFER_ASSIGN(slot.handle, provider.current());
  COFFER_ASSIGN(slot.wrapped, provider.wrap(slot.handle, WrapContext{coffer_id, slot.id}, key));
  slot.created = now_seconds();
  slot.provider_uri = provider.uri();
  return slot;
}

Result<KeyringKey> unlock_slot(const KeyringSlot& slot, const Id& coffer_id, const RootOpener& open_root) {
  COFFER_ASSIGN(auto provider, open_root(slot.provider_uri));
  return provider->unwrap(slot.handle, WrapContext{coffer_id, slot.id}, slot.wrapped);
}

Result<KeyringKey> unlock_slots(const KeyringHeader& header, const RootOpener& open_root) {
  Status first_failure;
  for (const KeyringSlot& slot : header.slots) {
    auto key = unlock_slot(slot, header.coffer_id, open_root);
    if (key.is_ok()) return key;
    if (first_failure.is_ok()) first_failure = key.status();
  }
  return first_failure;
}

}  // namespace coffer
