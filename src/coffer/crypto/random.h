// Randomness from OpenSSL's CSPRNG, which reseeds after fork. Thread-safe.
#pragma once

#include "coffer/base/secret.h"

namespace coffer {

// Fails only if the operating system has no entropy source; then nothing may be encrypted.
Status random_bytes(MutableBytes out);
Result<Id> random_id();
Result<SecretBytes> random_secret(size_t size);

template <class Role>
Result<Key<Role>> random_key(size_t size) {
  COFFER_ASSIGN(SecretBytes bytes, random_secret(size));
  return Key<Role>(std::move(bytes));
}

}  // namespace coffer
