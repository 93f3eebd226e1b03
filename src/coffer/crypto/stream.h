// Sealing a sequence of pieces under one key: nonce = base nonce XOR big-endian index (RFC 8446 section 5.3,
// C2SP chunked encryption). The caller never sees a nonce; a sealer refuses an index that is not greater than the last.
#pragma once

#include <memory>

#include "coffer/base/secret.h"
#include "coffer/crypto/suite.h"

namespace coffer {

class AeadKey;  // the expanded key schedule, in locked memory; crypto/aead.h

// Key material of a stream: key ‖ base nonce, as derived by a format.
struct StreamRole {};
using StreamKey = Key<StreamRole>;
size_t stream_key_size(Suite suite);  // key size + kNonceSize

// One writer. Not thread-safe.
class StreamSealer {
 public:
  // kInvalidArgument for a CTR suite or a key of the wrong size.
  static Result<StreamSealer> create(Suite suite, const StreamKey& key);
  StreamSealer(StreamSealer&&) noexcept;
  StreamSealer& operator=(StreamSealer&&) noexcept;
  ~StreamSealer();

  // Writes plaintext.size() + kTagSize bytes to `out`, which may equal plaintext.data() but not overlap it otherwise.
  // Allocates nothing. kInternal when `index` is not greater than every index used before: that nonce may be spent, and
  // is from the moment of the call on. kLimitExceeded above 2^40.
  Status seal(uint64_t index, ByteView associated, ByteView plaintext, uint8_t* out);

  // Wipes the key. REQUIRES: seal() is never called again, nor by anybody at the moment
  void drop_key();

 private:
  StreamSealer() = default;
  std::unique_ptr<AeadKey> key_;
  std::array<uint8_t, kNonceSize> base_nonce_{};
  uint64_t next_index_ = 0;
};

// Any number of readers at once: open() is thread-safe.
class StreamOpener {
 public:
  static Result<StreamOpener> create(Suite suite, const StreamKey& key);
  StreamOpener(StreamOpener&&) noexcept;
  StreamOpener& operator=(StreamOpener&&) noexcept;
  ~StreamOpener();

  // Writes sealed.size() - kTagSize bytes to `out`, which may equal sealed.data() but not overlap it otherwise.
  // False when the tag does not fit, or not usable(); `out` is then all zeros and nothing of it may be used. Allocates
  // nothing.
  [[nodiscard]] bool open(uint64_t index, ByteView associated, ByteView sealed, uint8_t* out) const;
  // Ok, or kKeyUnavailable in a child of fork(): for who was told false and wants to know why.
  Status usable() const;

  // Wipes the key, and takes that of another opener of the same stream in its place. REQUIRES: nobody calls open() at
  // the moment, nor between the two
  void drop_key();
  void take_key(StreamOpener&& same);

 private:
  StreamOpener() = default;
  std::unique_ptr<AeadKey> key_;
  std::array<uint8_t, kNonceSize> base_nonce_{};
};

}  // namespace coffer
