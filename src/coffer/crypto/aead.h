// An expanded AEAD key that seals and opens with an explicit nonce. Internal to crypto/: only stream.cc, xaes.cc,
// hpke.cc and resting_key.cc use it, because only they know that a nonce is fresh. Tests use it to compare backends and
// to run published vectors.
#pragma once

#include <memory>

#include "coffer/base/codec.h"
#include "coffer/base/per_process.h"
#include "coffer/crypto/backend.h"
#include "coffer/crypto/suite.h"

namespace coffer {

// base nonce XOR big-endian index. Cannot be copied or built from anything else, so that each stands for one message.
class Nonce {
 public:
  Nonce(const std::array<uint8_t, kNonceSize>& base, uint64_t index) {
    const uint64_t big_endian = __builtin_bswap64(index);
    store_le64_pair(bytes_, load_le64(base.data()) ^ big_endian << 32, load_le32(base.data() + 8) ^ big_endian >> 32);
  }
  Nonce(const Nonce&) = delete;
  Nonce& operator=(const Nonce&) = delete;

  const uint8_t* data() const { return bytes_; }

 private:
  alignas(16) uint8_t bytes_[16];  // kNonceSize, and four that nobody asks for
};

// Thread-safe; seal() and open() may run at once, and allocate nothing once as many threads as ever use the key have.
class AeadKey {
 public:
  // The longest message or associated data; formats stay far below. (OpenSSL counts in int.)
  static constexpr size_t kMessageSizeMax = size_t{1} << 30;

  // kInvalidArgument for a suite without authentication or a key that is not of the suite's size.
  static Result<std::unique_ptr<AeadKey>> create(Suite suite, ByteView key, const CryptoBackend& backend,
                                                 Expansion expansion = Expansion::kAlways);
  // With the backend in use: crypto_backend(suite).
  static Result<std::unique_ptr<AeadKey>> create(Suite suite, ByteView key, Expansion expansion = Expansion::kAlways);
  virtual ~AeadKey() = default;

  // Takes another key, of the same size, in place of its own, if this backend can without allocating. False: it is as
  // it was. REQUIRES: nobody uses it at the moment; made by this process
  [[nodiscard]] bool replace(ByteView key);

  // Writes plaintext.size() + kTagSize bytes to `out`, which may equal plaintext.data() but not overlap it otherwise.
  // kKeyUnavailable in a child of fork().
  Status seal(const Nonce& nonce, ByteView associated, ByteView plaintext, uint8_t* out) const {
    return seal(nonce, associated, plaintext, out, out + plaintext.size());
  }
  // The same with the tag, kTagSize bytes, elsewhere.
  Status seal(const Nonce& nonce, ByteView associated, ByteView plaintext, uint8_t* out, uint8_t* tag) const;
  // Writes sealed.size() - kTagSize bytes to `out` (same rule). False when the tag does not fit, or not usable(): `out`
  // is then all zeros.
  [[nodiscard]] bool open(const Nonce& nonce, ByteView associated, ByteView sealed, uint8_t* out) const;
  // The same with the tag elsewhere: writes ciphertext.size() bytes.
  [[nodiscard]] bool open(const Nonce& nonce, ByteView associated, ByteView ciphertext, const uint8_t* tag,
                          uint8_t* out) const;

  // Ok, or kKeyUnavailable in a child of fork().
  Status usable() const { return process_.usable(); }

  // Records in test builds that this message was sealed: see crypto/nonce_audit.h.
  void audit(const Nonce& nonce, ByteView associated, ByteView ciphertext, const uint8_t* tag) const;

 private:
  virtual bool do_replace(ByteView) { return false; }
  // What a backend does. Sizes were checked. On failure the caller clears what was written.
  virtual bool do_seal(const Nonce& nonce, ByteView associated, ByteView plaintext, uint8_t* out,
                       uint8_t* tag) const = 0;
  virtual bool do_open(const Nonce& nonce, ByteView associated, ByteView ciphertext, const uint8_t* tag,
                       uint8_t* out) const = 0;

  Status know_for_audit(ByteView key);

  OfOneProcess process_;
#ifdef COFFER_NONCE_AUDIT
  std::array<uint8_t, 32> audited_key_hash_{};
#endif
};

#ifndef COFFER_NONCE_AUDIT
inline Status AeadKey::know_for_audit(ByteView) { return Status::ok(); }
inline void AeadKey::audit(const Nonce&, ByteView, ByteView, const uint8_t*) const {}
#endif

// Rows of the table in backend.cc.
std::unique_ptr<AeadKey> openssl_aead_key(Suite suite, ByteView key, Expansion expansion);
std::unique_ptr<AeadKey> ipsec_mb_aead_key(Suite suite, ByteView key, Expansion expansion);

}  // namespace coffer
