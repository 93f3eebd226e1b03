// Slots: the keyring key, wrapped by root keys. Making one, and unlocking a keyring by any of its slots.
#pragma once

#include <functional>

#include "coffer/keys/keyring.h"

namespace coffer {

// A root key as the configuration has it, which is what says where it is: of a slot, only its name is believed.
struct ConfiguredRoot {
  std::string name;
  std::unique_ptr<RootKeyProvider> provider;
  std::string fingerprint = {};  // RootKeyProvider::fingerprint() of the only key it may be; empty: not pinned
};

// Reaches the root key that is configured under this name. It asks for what it needs (hosts, paths, credentials) anew
// at each call, so that a provider that moved is followed. `uri_instead`, if not empty, says where the operator wants
// the same key to be looked for. kKeyUnavailable for a name that is not configured. Thread-safe.
using RootOpener = std::function<Result<ConfiguredRoot>(const std::string& name, const std::string& uri_instead)>;

// The root's current key wraps `key`. kWrongKey when it is not the one that is pinned.
Result<KeyringSlot> make_slot(const ConfiguredRoot& root, const Id& coffer_id, const KeyringKey& key);

// By the first slot that opens; else the first slot's error. Waits for the provider. Errors as `open_root` and
// RootKeyProvider::unwrap(); kWrongKey for a slot of another key than the one that is pinned. Nothing is authenticated
// yet: whether the key is the keyring's, KeyringCodec::open() tells.
Result<KeyringKey> unlock_slots(const KeyringHeader& header, const RootOpener& open_root,
                                const std::string& uri_instead);

}  // namespace coffer
