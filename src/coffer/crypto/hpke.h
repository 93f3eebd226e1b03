// Hybrid public key encryption (RFC 9180) of one message, in mode Auth: whoever opens it knows who sealed it. The KEM
// is DHKEM(X25519, HKDF-SHA256), the KDF HKDF-SHA256. Thread-safe.
#pragma once

#include "coffer/crypto/x25519.h"

namespace coffer {

// By the numbers of the IANA registry.
struct HpkeSuite {
  uint16_t kem = 0x0020;   // DHKEM(X25519, HKDF-SHA256)
  uint16_t kdf = 0x0001;   // HKDF-SHA256
  uint16_t aead = 0x0002;  // AES-256-GCM; 0x0001, AES-128-GCM, is known for the published vectors
  bool operator==(const HpkeSuite&) const = default;
};

struct HpkeSealed {
  X25519Public encapsulated;  // RFC 9180's `enc`
  Bytes ciphertext;           // the plaintext's size and 16 bytes
};

// What is bound to a message besides its keys.
struct HpkeContext {
  HpkeSuite suite = {};
  ByteView info = {};
  ByteView associated = {};
};

// Under a fresh ephemeral key. kInvalidArgument for a recipient's key of small order, kUnsupported for another suite.
Result<HpkeSealed> hpke_seal(const HpkeContext& context, const X25519Public& recipient, const X25519Private& sender,
                             ByteView plaintext);
// The same with a given ephemeral key, which must seal nothing else: for published vectors.
Result<HpkeSealed> hpke_seal_with(const HpkeContext& context, const X25519Private& ephemeral,
                                  const X25519Public& recipient, const X25519Private& sender, ByteView plaintext);
// kWrongKey for what was sealed to another recipient, by another sender, or otherwise than `context` says.
Result<SecretBytes> hpke_open(const HpkeContext& context, const X25519Private& recipient, const X25519Public& sender,
                              const X25519Public& encapsulated, ByteView ciphertext);

// RFC 9180's DeriveKeyPair: of at least 32 bytes that are as good as random.
Result<X25519Private> hpke_derive_private(ByteView input_key);

}  // namespace coffer
