// Slots: the keyring key, wrapped by root keys. Making one, and unlocking a keyring by any of its slots.
#pragma once

#include <functional>

#include "coffer/keys/keyring.h"

namespace coffer {

// Reaches the root key that a slot names. It asks for what it needs (hosts, paths, credentials) anew at each call, so
// that a provider that moved is followed. Thread-safe.
using RootOpener = std::function<Result<std::unique_ptr<RootKeyProvider>>(const std::string& uri)>;

// The provider's current key wraps `key`.
Result<KeyringSlot> make_slot(RootKeyProvider& provider, const Id& coffer_id, const KeyringKey& key);

// Waits for the provider. Errors as `open_root` and RootKeyProvider::unwrap().
Result<KeyringKey> unlock_slot(const KeyringSlot& slot, const Id& coffer_id, const RootOpener& open_root);
// By the first slot that opens; else the first slot's error. Nothing is authenticated yet: whether the key is the
// keyring's, KeyringCodec::open() tells.
Result<KeyringKey> unlock_slots(const KeyringHeader& header, const RootOpener& open_root);

}  // namespace coffer
