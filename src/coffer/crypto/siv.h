// AES-SIV (RFC 5297): what is the same seals to the same, and nothing else is told. For what has to be found by its
// sealed form, such as names. Of this library's own AES in counter mode rather than OpenSSL's cipher of that name,
// whose contexts are good for one message each, keep their keys on OpenSSL's heap, and are not in its FIPS provider.
#pragma once

#include <memory>
#include <span>

#include "coffer/base/secret.h"

namespace coffer {

class CounterMode;
struct CryptoBackend;

struct SivRole {};
using SivKey = Key<SivRole>;  // 64 bytes: one half for CMAC, one for counter mode

// Thread-safe.
class AesSiv {
 public:
  static constexpr size_t kKeySize = 64;
  // What stands before the ciphertext, which is as long as the plaintext: of the key, the associated data and the
  // plaintext a pseudo-random function.
  static constexpr size_t kTagSize = 16;
  using Associated = std::span<const ByteView>;

  // kInvalidArgument for a key that has not kKeySize bytes.
  static Result<AesSiv> create(const SivKey& key);
  // With this backend, and also with AES-128 (32 bytes), for who compares them with what was published.
  static Result<AesSiv> create(ByteView key, const CryptoBackend& backend);
  AesSiv(AesSiv&&) noexcept;
  AesSiv& operator=(AesSiv&&) noexcept;
  ~AesSiv();

  // Tag, then ciphertext. REQUIRES: out.size() == kTagSize + plaintext.size(); they do not overlap. kKeyUnavailable in
  // a child of fork().
  Status seal(Associated associated, ByteView plaintext, MutableBytes out) const;
  // kTampered, with zeros in `out`, unless it was sealed with this key and `associated`. REQUIRES as seal().
  Status open(Associated associated, ByteView sealed, MutableBytes out) const;

  // Wipes the key, and takes that of another one in its place. REQUIRES: nobody uses it at the moment, nor between the
  // two
  void drop_key();
  void take_key(AesSiv&& same);

 private:
  static constexpr size_t kBlockSize = 16;
  using Block = std::array<uint8_t, kBlockSize>;

  AesSiv() = default;
  // CMAC (SP 800-38B) of `data`, the last bytes of which are XORed with `mask`, where there is one. REQUIRES: with a
  // mask data.size() >= kBlockSize
  Block cmac(ByteView data, const Block* mask) const;
  // S2V of RFC 5297, section 2.4.
  Block tag_of(Associated associated, ByteView plaintext) const;
  void apply_stream(const Block& tag, ByteView in, uint8_t* out) const;

  std::unique_ptr<CounterMode> mac_;  // AES under the key of CMAC
  std::unique_ptr<CounterMode> stream_;
};

}  // namespace coffer
