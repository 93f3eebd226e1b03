// HMAC and HKDF of the FIPS provider itself: made here of its hash functions they would not be what was validated.
// Internal to crypto/: kdf.cc takes them where openssl_algorithms() has them.
#pragma once

#include "coffer/base/bytes.h"
#include "coffer/base/status.h"

namespace coffer {

// False too when the provider does not have them. REQUIRES: is_fips(). `digest`: "SHA2-256".
[[nodiscard]] bool provider_hmac(const char* digest, ByteView key, ByteView data, MutableBytes out);
[[nodiscard]] bool provider_hkdf_expand(const char* digest, ByteView prk, ByteView info, MutableBytes out);

}  // namespace coffer
