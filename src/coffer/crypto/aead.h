// An expanded AEAD key that seals and opens with an explicit nonce. Internal to crypto/: only stream.cc uses it,
// because only a stream knows that a nonce is fresh. Tests use it to compare backends and to run published vectors.
#pragma once

#include <memory>

#include "coffer/base/secret.h"
#include "coffer/crypto/backend.h"
#include "coffer/crypto/suite.h"

namespace coffer {

// base nonce XOR big-endian index. Cannot be copied or built from anything else, so that each stands for one message.
class Nonce {
 public:
  Nonce(const std::array<uint8_t, kNonceSize>& base, uint64_t index) : bytes_(base) {
    for (size_t i = 0; i < sizeof index; ++i) bytes_[kNonceSize - 1 - i] ^= static_cast<uint8_t>(index >> (8 * i));
  }
  Nonce(const Nonce&) = delete;
  Nonce& operator=(const Nonce&) = delete;

  const uint8_t* data() const { return bytes_.data(); }

 private:
  std::array<uint8_t, kNonceSize> bytes_;
};

// Thread-safe; seal() and open() may run at once, and allocate nothing once as many threads as ever use the key have.
class AeadKey {
 public:
  // The longest message or associated data; formats stay far below. (OpenSSL counts in int.)
  static constexpr size_t kMessageSizeMax = size_t{1} << 30;

  // kInvalidArgument for a suite without authentication or a key that is not of the suite's size.
  static Result<std::unique_ptr<AeadKey>> create(Suite suite, ByteView key, CryptoBackend backend);
  // With the backend in use: crypto_backend().
  static Result<std::unique_ptr<AeadKey>> create(Suite suite, ByteView key);
  virtual ~AeadKey() = default;

  // Writes plaintext.size() + kTagSize bytes to `out`, which may equal plaintext.data() but not overlap it otherwise.
  Status seal(const Nonce& nonce, ByteView associated, ByteView plaintext, uint8_t* out) const;
  // Writes sealed.size() - kTagSize bytes to `out` (same rule). False when the tag does not fit: `out` is then all
  // zeros.
  [[nodiscard]] bool open(const Nonce& nonce, ByteView associated, ByteView sealed, uint8_t* out) const;

  // Records in test builds that this message was sealed: see crypto/nonce_audit.h.
  void audit(const Nonce& nonce, ByteView associated, ByteView sealed) const;

 private:
  // What a backend does. Sizes were checked; the tag stands behind the ciphertext. On failure the caller clears `out`.
  virtual bool do_seal(const Nonce& nonce, ByteView associated, ByteView plaintext, uint8_t* out) const = 0;
  virtual bool do_open(const Nonce& nonce, ByteView associated, ByteView sealed, uint8_t* out) const = 0;

#ifdef COFFER_NONCE_AUDIT
  std::array<uint8_t, 32> audited_key_hash_{};
#endif
};

#ifndef COFFER_NONCE_AUDIT
inline void AeadKey::audit(const Nonce&, ByteView, ByteView) const {}
#endif

// Null when the backend cannot serve the suite. Sizes were checked.
std::unique_ptr<AeadKey> openssl_aead_key(Suite suite, ByteView key);
std::unique_ptr<AeadKey> ipsec_mb_aead_key(Suite suite, ByteView key);

}  // namespace coffer
