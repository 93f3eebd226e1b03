// Randomness from OpenSSL's CSPRNG, which reseeds after fork, and the operating system's. Thread-safe.
#pragma once

#include "coffer/base/secret.h"

namespace coffer {

// Fails only if the operating system has no entropy source; then nothing may be encrypted.
Status random_bytes(MutableBytes out);
// At most 256 bytes that everybody may know and nobody may see twice, as nonces: from the operating system's generator
// alone, which costs half as much. With require_fips() it is random_bytes().
Status unique_bytes(MutableBytes out);
// Where nothing but luck depends on it, as the lengths of pauses: 0 on failure.
uint64_t random_number();
Result<Id> random_id();
Result<SecretBytes> random_secret(size_t size);

template <class Role>
Result<Key<Role>> random_key(size_t size) {
  COFFER_ASSIGN(SecretBytes bytes, random_secret(size));
  return Key<Role>(std::move(bytes));
}

}  // namespace coffer
