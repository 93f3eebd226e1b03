// What a key service gets to wrap: wrap algorithm 2 of docs/format.md, section 7. Few services bind a wrapping to its
// context, and none in the same way; so the context is bound inside what is wrapped, whatever the service does besides.
#pragma once

#include "coffer/keys/provider.h"

namespace coffer {

inline constexpr uint8_t kWrapAlgorithmService = 2;
inline constexpr size_t kServicePlaintextSize = 64;

// The keyring key and its MAC over the context, to be wrapped by the service.
Result<SecretBytes> service_plaintext(const WrapContext& context, const KeyringKey& key);
// What the service unwrapped. kTampered when it has another size, kWrongKey when it was made for another context.
// Messages name no provider.
Result<KeyringKey> keyring_key_of(const WrapContext& context, const SecretBytes& service_plaintext);

}  // namespace coffer
