// X25519 (RFC 7748): key pairs, shared secrets, and the PEM files they are kept in. Thread-safe. Not an algorithm of
// FIPS 140: everything that computes is kUnsupported where is_fips().
#pragma once

#include <array>
#include <functional>

#include "coffer/base/secret.h"

namespace coffer {

inline constexpr size_t kX25519Size = 32;

using X25519Public = std::array<uint8_t, kX25519Size>;
struct X25519Role {};
using X25519Private = Key<X25519Role>;  // 32 bytes, any

Result<X25519Private> new_x25519_private();
Result<X25519Public> x25519_public(const X25519Private& key);
// kInvalidArgument for a public key of small order, which gives the same secret, zero, to everybody (RFC 7748,
// section 6.1).
Result<SecretBytes> x25519_shared(const X25519Private& key, const X25519Public& other);

// Asked for the passphrase of a file that has one.
using AskPassphrase = std::function<Result<SecretBytes>()>;
// PKCS#8, encrypted or not. kInvalidArgument for what is no X25519 key; kWrongKey for a wrong passphrase, and what
// `ask` fails with.
Result<X25519Private> x25519_private_of_pem(ByteView pem, const AskPassphrase& ask);
// A public key as SubjectPublicKeyInfo. kInvalidArgument; so for a private one, which has no business there.
Result<X25519Public> x25519_public_of_pem(ByteView pem);

}  // namespace coffer
