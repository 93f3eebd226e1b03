// Wrapping the keyring key under a root key whose bytes are at hand: wrap algorithm 1 of docs/format.md, section 7.
#pragma once

#include <array>

#include "coffer/keys/provider.h"

namespace coffer {

inline constexpr uint8_t kWrapAlgorithmLocal = 1;
inline constexpr size_t kKeyringKeyBytes = 32;

// Tells root keys apart without giving anything away of them.
using RootFingerprint = std::array<uint8_t, 16>;
Result<RootFingerprint> fingerprint_of(const RootKey& root);

Result<WrappedKeyringKey> wrap_locally(const RootKey& root, const WrapContext& context, const KeyringKey& key);
// kUnsupported for another algorithm; kWrongKey when `root` does not unwrap it; kTampered when it has not the size of a
// wrapped keyring key. Messages name neither root nor provider.
Result<KeyringKey> unwrap_locally(const RootKey& root, const WrapContext& context, const WrappedKeyringKey& wrapped);

}  // namespace coffer
