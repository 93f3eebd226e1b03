// `ctr`: byte n of the plaintext is byte n after the envelope. No integrity per read; a MAC of the whole body in the
// envelope at close. docs/format.md, "ctr"; C1 to C4, which code and tests cite, are the invariants of that section.
#pragma once

#include "coffer/base/secret.h"
#include "coffer/crypto/ctr.h"

namespace coffer {

inline constexpr uint64_t kCtrBodySizeMax = uint64_t{1} << 40;

// apply() seals and opens alike and is thread-safe. No byte may be sealed twice (C2).
class CtrBody {
 public:
  static Result<CtrBody> create(const FileKey& file_key, Suite suite, const Id& file_id);
  // Logical offset. kLimitExceeded beyond kCtrBodySizeMax; kKeyUnavailable in a child of fork().
  Status apply(uint64_t offset, ByteView in, uint8_t* out) const;
  // CtrStream's.
  void drop_key() { stream_.drop_key(); }
  void take_key(CtrBody&& same) { stream_ = std::move(same.stream_); }

 private:
  explicit CtrBody(CtrStream stream) : stream_(std::move(stream)) {}
  CtrStream stream_;
};

// C3: the MAC over the ciphertext from first byte to last, as body_mac of the envelope holds it.
Result<Gmac> ctr_body_mac(const FileKey& file_key, const Id& file_id);

}  // namespace coffer
