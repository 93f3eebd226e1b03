// What only whoever has a keyring key can have written.
#pragma once

#include "coffer/crypto/kdf.h"

namespace coffer {

// HMAC-SHA-256(Derive(key, label, coffer id, 32), message).
Result<Sha256> mac_by_keyring_key(const KeyringKey& key, std::string_view label, const Id& coffer_id,
                                  std::string_view message);

}  // namespace coffer
