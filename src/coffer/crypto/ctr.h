// AES in counter mode with a 128-bit big-endian counter (SP 800-38A), and GMAC over what it produced (SP 800-38D).
#pragma once

#include <memory>

#include "coffer/base/secret.h"
#include "coffer/crypto/suite.h"

namespace coffer {

class CounterMode;      // the expanded key schedule; crypto/counter_mode.h
class GmacComputation;  // crypto/gmac.h

// Key material of a CTR body: key ‖ 12-byte iv. The counter of byte 0 is iv ‖ 00000000.
struct CtrRole {};
using CtrKey = Key<CtrRole>;
size_t ctr_key_size(Suite suite);  // key size + kNonceSize

// apply() is thread-safe and allocates nothing.
class CtrStream {
 public:
  static Result<CtrStream> create(Suite suite, const CtrKey& key);
  CtrStream(CtrStream&&) noexcept;
  CtrStream& operator=(CtrStream&&) noexcept;
  ~CtrStream();

  // XORs the key stream from byte `offset` on. `out` may equal in.data(). kKeyUnavailable, with nothing written, in a
  // child of fork(). REQUIRES: offset + in.size() <= 2^40
  Status apply(uint64_t offset, ByteView in, uint8_t* out) const;

  // Wipes the key. REQUIRES: nobody calls apply() at the moment, nor before another stream was moved here
  void drop_key();

 private:
  CtrStream() = default;
  std::unique_ptr<CounterMode> mode_;
};

// AES-256-GMAC of one message with a one-time key. Not thread-safe.
class Gmac {
 public:
  struct Role {};
  static constexpr size_t kKeySize = 32 + kNonceSize;  // AES-256 key ‖ nonce
  static Result<Gmac> create(const Key<Role>& key);
  Gmac(Gmac&&) noexcept;
  Gmac& operator=(Gmac&&) noexcept;
  ~Gmac();

  // Wipes the key. REQUIRES: no other call follows
  void drop_key();

  void update(ByteView data);
  // REQUIRES, as update(): it was not called yet.
  std::array<uint8_t, kTagSize> finish();

 private:
  Gmac() = default;
  std::unique_ptr<GmacComputation> computation_;
};

}  // namespace coffer
