#include <algorithm>
#include <bit>

#include "coffer/crypto/counter_mode.h"
#include "coffer/crypto/expanded_key.h"
#include "coffer/crypto/ipsec_mb.h"

namespace coffer {
namespace {

constexpr size_t kScheduleSize = 15 * 16;  // AES-256's round keys

void expand_aes(ByteView key, uint8_t* schedule) {
  IMB_MGR& library = *ipsec_mb_library();
  SecretBytes for_decryption(kScheduleSize);  // comes with it; counter mode has no use for it
  uint8_t* inverse = for_decryption.reveal_mutable().data();
  switch (key.size()) {
    case IMB_KEY_128_BYTES: IMB_AES_KEYEXP_128(&library, key.data(), schedule, inverse); break;
    case IMB_KEY_192_BYTES: IMB_AES_KEYEXP_192(&library, key.data(), schedule, inverse); break;
    default: IMB_AES_KEYEXP_256(&library, key.data(), schedule, inverse); break;
  }
}

class IpsecMbCounterMode final : public CounterMode {
 public:
  IpsecMbCounterMode(IMB_MGR& library, ByteView key, ByteView iv)
      : CounterMode(iv),
        library_(library),
        key_size_(static_cast<IMB_KEY_SIZE_BYTES>(key.size())),
        key_(key, kScheduleSize, expand_aes, Expansion::kWhileRoomy) {}

 private:
  void do_apply(const Counter& first, size_t skip, ByteView in, uint8_t* out) const override {
    ExpandedKey::Use key(key_);
    const auto* schedule = key.as<uint8_t>();
    Counter counter = first;
    if (skip > 0) {
      size_t count = std::min(in.size(), kBlockSize - skip);
      uint8_t block[kBlockSize] = {};
      std::copy_n(in.data(), count, block + skip);
      run(schedule, counter, {block, kBlockSize}, block);
      std::copy_n(block + skip, count, out);
      wipe(block, sizeof block);
      advance(counter, 1);
      in = in.subspan(count);
      out += count;
    }
    // The library counts in the last 32 bits only and would start over where we carry into the other 96.
    while (!in.empty()) {
      uint64_t blocks_to_carry = (uint64_t{1} << 32) - low_word(counter);
      size_t count = static_cast<size_t>(std::min<uint64_t>(in.size(), blocks_to_carry * kBlockSize));
      run(schedule, counter, in.first(count), out);
      advance(counter, count / kBlockSize);
      in = in.subspan(count);
      out += count;
    }
  }

  static uint32_t low_word(const Counter& counter) {
    return uint32_t{counter[12]} << 24 | uint32_t{counter[13]} << 16 | uint32_t{counter[14]} << 8 | counter[15];
  }

  void run(const uint8_t* schedule, const Counter& counter, ByteView in, uint8_t* out) const {
    IMB_JOB job = {};
    job.enc_keys = schedule;
    job.key_len_in_bytes = key_size_;
    job.src = in.data();
    job.dst = out;
    job.msg_len_to_cipher_in_bytes = in.size();
    job.iv = counter.data();
    job.iv_len_in_bytes = counter.size();
    IMB_SUBMIT_CIPHER_BURST_NOCHECK(&library_, &job, 1, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT, key_size_);
  }

  IMB_MGR& library_;
  IMB_KEY_SIZE_BYTES key_size_;
  const ExpandedKey key_;
};

}  // namespace

std::unique_ptr<CounterMode> ipsec_mb_counter_mode(Suite, ByteView key, ByteView iv) {
  IMB_MGR* library = ipsec_mb_library();
  if (library == nullptr) return nullptr;
  return std::make_unique<IpsecMbCounterMode>(*library, key, iv);
}

}  // namespace coffer
