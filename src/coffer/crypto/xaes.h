// XAES-256-GCM (https://c2sp.org/XAES-256-GCM): AES-256-GCM with nonces of 24 bytes, drawn at random for each message.
// For what is overwritten in place, where no counter survives a crash. The caller never chooses a nonce.
#pragma once

#include <memory>

#include "coffer/crypto/derived_key.h"

namespace coffer {

class CounterMode;
struct CryptoBackend;

struct XaesRole {};
using XaesKey = Key<XaesRole>;  // 32 bytes

// What stands beside a message's ciphertext, which is as long as the message.
struct XaesSeal {
  static constexpr size_t kNonceSize = 24;
  static constexpr size_t kSize = kNonceSize + kTagSize;

  std::array<uint8_t, kNonceSize> nonce{};
  std::array<uint8_t, kTagSize> tag{};
};
static_assert(sizeof(XaesSeal) == XaesSeal::kSize);

// Thread-safe.
class XaesGcm {
 public:
  // kInvalidArgument for a key that has not 32 bytes.
  static Result<XaesGcm> create(const XaesKey& key);
  // With this backend, for whoever compares them.
  static Result<XaesGcm> create(ByteView key, const CryptoBackend& backend);
  XaesGcm(XaesGcm&&) noexcept;
  XaesGcm& operator=(XaesGcm&&) noexcept;
  ~XaesGcm();

  // Ok, or kKeyUnavailable in a child of fork().
  Status usable() const;

  // Wipes the key, and takes that of another one in its place. REQUIRES: nobody uses it at the moment, nor between the
  // two
  void drop_key();
  void take_key(XaesGcm&& same);

 private:
  friend class XaesSealing;
  friend class XaesOpening;
  XaesGcm() = default;

  // The AES-256-GCM key of all messages whose nonces begin with these 12 bytes.
  Status derive(const DerivedKey::Origin& nonce_start, DerivedKey& out) const;

  const CryptoBackend* backend_ = nullptr;
  std::unique_ptr<CounterMode> block_;  // AES under the key itself
  SecretBytes subkey_;                  // K1 of CMAC (SP 800-38B)
  DerivedKeyOwner owner_;
};

// Seals some messages at once: one draw of randomness and one derivation for all of them. What a forked child, or a
// virtual machine that is resumed twice, must not share is drawn when it begins: it is made for a few messages that are
// at hand, and not kept. Not thread-safe.
class XaesSealing {
 public:
  static constexpr uint64_t kMessagesMax = uint64_t{1} << 16;

  static Result<XaesSealing> begin(const XaesGcm& key);

  // Writes plaintext.size() bytes to `ciphertext`, which may equal plaintext.data() but not overlap it otherwise, and
  // `seal`. kLimitExceeded after kMessagesMax.
  Status seal(ByteView associated, ByteView plaintext, uint8_t* ciphertext, XaesSeal& seal);

 private:
  XaesSealing() = default;

  DerivedKey key_;
  std::array<uint8_t, XaesSeal::kNonceSize> nonce_{};  // of the first message
  uint64_t sealed_ = 0;
};

// Opens some messages, one after the other: those that were sealed at once with one derivation. REQUIRES: the key
// outlives it and keeps its key. Not thread-safe.
class XaesOpening {
 public:
  explicit XaesOpening(const XaesGcm& key) : xaes_(key) {}

  // Writes ciphertext.size() bytes to `out` (same rule as in sealing). False when the tag does not fit, or not
  // usable(): `out` is then all zeros and nothing of it may be used.
  [[nodiscard]] bool open(ByteView associated, ByteView ciphertext, const XaesSeal& seal, uint8_t* out);

 private:
  const XaesGcm& xaes_;
  DerivedKey key_;  // of the message opened last
};

}  // namespace coffer
