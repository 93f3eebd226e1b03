// An expanded AES key with the counter block of byte 0: what CtrStream is made of, one per backend. Internal to
// crypto/.
#pragma once

#include <memory>

#include "coffer/base/per_process.h"
#include "coffer/crypto/backend.h"
#include "coffer/crypto/suite.h"

namespace coffer {

class CounterMode {
 public:
  static constexpr size_t kBlockSize = 16;
  static constexpr uint64_t kOffsetMax = uint64_t{1} << 40;
  using Counter = std::array<uint8_t, kBlockSize>;

  // kInvalidArgument for a suite that is not CTR or a key of the wrong size. `key` is AES key ‖ 12-byte iv.
  static Result<std::unique_ptr<CounterMode>> create(Suite suite, ByteView key, const CryptoBackend& backend);
  virtual ~CounterMode() = default;

  // Ok, or kKeyUnavailable in a child of fork().
  Status usable() const { return process_.usable(); }
  // See CtrStream::apply. Thread-safe. REQUIRES: usable()
  void apply(uint64_t offset, ByteView in, uint8_t* out) const;
  // The key stream from a counter block of the caller's on. Thread-safe. REQUIRES: usable()
  void apply_from(const Counter& counter, ByteView in, uint8_t* out) const;
  // AES of one block, for what is derived by it. Thread-safe. REQUIRES: usable()
  void encrypt_block(const Counter& block, uint8_t* out) const;

 protected:
  explicit CounterMode(ByteView iv);

  // counter += blocks, as 128-bit big-endian integers.
  static void advance(Counter& counter, uint64_t blocks);

 private:
  // XORs the key stream that starts `skip` (0 to 15) bytes into the block of `counter`, carrying over all 128 bits.
  virtual void do_apply(const Counter& counter, size_t skip, ByteView in, uint8_t* out) const = 0;

  const OfOneProcess process_;
  Counter counter_;  // of byte 0: iv ‖ 00000000
};

// Rows of the table in backend.cc. `key` is the AES key alone.
std::unique_ptr<CounterMode> openssl_counter_mode(Suite suite, ByteView key, ByteView iv);
std::unique_ptr<CounterMode> ipsec_mb_counter_mode(Suite suite, ByteView key, ByteView iv);

}  // namespace coffer
