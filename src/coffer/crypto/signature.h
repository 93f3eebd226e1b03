// Ed25519 (RFC 8032): what somebody without any key of ours can check. All functions are thread-safe.
#pragma once

#include "coffer/base/secret.h"

namespace coffer {

using SignaturePublicKey = std::array<uint8_t, 32>;
using Signature = std::array<uint8_t, 64>;

struct Signed {
  SignaturePublicKey public_key;
  Signature signature;
};

// `seed`: 32 bytes, RFC 8032's private key. kUnsupported where this OpenSSL has no Ed25519, as OpenSSL 3.0's FIPS
// provider.
Result<Signed> sign(ByteView seed, ByteView message);
// Whose signatures the seed makes. Errors as sign().
Result<SignaturePublicKey> signature_public_key(ByteView seed);
// kTampered when it is not the signature of the message.
Status check_signature(const Signed& by, ByteView message);

}  // namespace coffer
