// The first version of a keyring, made once for each coffer.
#pragma once

#include "coffer/keys/live_keyring.h"

namespace coffer {

// Under a fresh keyring key, in one slot for the root's current key.
Result<Bytes> seal_first_keyring(const Keyring& keyring, const ConfiguredRoot& root);
// Has the anchor remember it, where there is one.
Status remember_first_keyring(const KeyringSurroundings& surroundings, ByteView sealed);

}  // namespace coffer
