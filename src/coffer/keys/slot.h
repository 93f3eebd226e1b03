// Slots: the keyring key, wrapped by root keys. Making one, and unlocking a keyring by any of its slots.
#pragma once

#include <functional>

#include "coffer/keys/keyring.h"

namespace coffer {

// A root key as the configuration has it, which is what says where it is: of a slot, only its name is believed.
struct ConfiguredRoot {
  std::string name;
  std::unique_ptr<RootKeyProvider> provider;  // null: the operator has named another root to be asked
  std::string fingerprint = {};  // RootKeyProvider::fingerprint() of the only key it may be; empty: not pinned
  std::string key_group = {};    // that it opens, and nothing else; empty: it may lock the keyring
};

// Reaches the root key that is configured under this name. It asks for what it needs (hosts, paths, credentials) anew
// at each call, so that a provider that moved is followed. `uri_instead`, if not empty, is what the operator says of
// it: where the same key is to be looked for, or which root is to be asked, and how. kKeyUnavailable for a name that is
// not configured. Thread-safe.
using RootOpener = std::function<Result<ConfiguredRoot>(const std::string& name, const std::string& uri_instead)>;

// The same for roots of that key group only, or (empty) for those that may lock the keyring: kKeyUnavailable for
// others. So who has a tenant's root key makes no keyring that is believed, and a slot that was put into another group
// opens nothing.
RootOpener only_of_group(RootOpener open_root, const std::string& key_group);

// The root's current key wraps `key`. kWrongKey when it is not the one that is pinned.
Result<KeyringSlot> make_slot(const ConfiguredRoot& root, const Id& coffer_id, const KeyringKey& key);

// What a slot wraps, and which coffer that is the keyring key of.
struct WrappedInSlot {
  const Id& coffer_id;
  const KeyringKey& key;
};
// What takes the place of `slot`, of the same root: wraps `now` instead of `was`. Errors as make_slot().
Result<KeyringSlot> renew_slot(const ConfiguredRoot& root, const KeyringSlot& slot, const WrappedInSlot& was,
                               const WrappedInSlot& now);

struct UnlockedSlot {
  KeyringKey key;
  std::string root;  // that opened it
};
// By the first slot that opens; else the first error. Those of roots that do not open by themselves are left out unless
// the operator has said something of it (`uri_instead`). Waits for the provider. Errors as `open_root` and
// RootKeyProvider::unwrap(); kWrongKey for a slot of another key than the one that is pinned. Nothing is authenticated
// yet: whether the key is the keyring's, KeyringCodec::open() tells.
Result<UnlockedSlot> unlock_slots(const KeyringHeader& header, const RootOpener& open_root,
                                  const std::string& uri_instead);

}  // namespace coffer
