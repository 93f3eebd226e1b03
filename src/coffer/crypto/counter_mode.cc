#include "coffer/crypto/counter_mode.h"

#include <algorithm>

namespace coffer {

CounterMode::CounterMode(ByteView iv) : counter_() { std::ranges::copy(iv.first(kNonceSize), counter_.begin()); }

Result<std::unique_ptr<CounterMode>> CounterMode::create(Suite suite, ByteView key, CryptoBackend backend) {
  const SuiteInfo* info = find_suite(static_cast<uint8_t>(suite));
  if (info == nullptr || info->authenticated) {
    return {Code::kInvalidArgument, "counter mode needs a CTR suite, such as aes-256-ctr"};
  }
  if (key.size() != info->key_size + kNonceSize) {
    return {Code::kInvalidArgument, "a key for " + std::string(info->name) + " has " +
                                        std::to_string(info->key_size + kNonceSize) + " bytes, not " +
                                        std::to_string(key.size())};
  }
  ByteView aes_key = key.first(info->key_size);
  ByteView iv = key.subspan(info->key_size);
  std::unique_ptr<CounterMode> out;
  if (backend == CryptoBackend::kOpenSsl) out = openssl_counter_mode(suite, aes_key, iv);
#ifdef COFFER_HAVE_IPSEC_MB
  if (backend == CryptoBackend::kIpsecMb) out = ipsec_mb_counter_mode(suite, aes_key, iv);
#endif
  if (out == nullptr) {
    return {Code::kUnsupported,
            std::string(backend_name(backend)) + " on this machine does not offer " + std::string(info->name)};
  }
  return out;
}

void CounterMode::advance(Counter& counter, uint64_t blocks) {
  for (size_t i = kBlockSize; i-- > 0 && blocks > 0; blocks >>= 8) {
    blocks += counter[i];
    counter[i] = static_cast<uint8_t>(blocks);
  }
}

void CounterMode::apply(uint64_t offset, ByteView in, uint8_t* out) const {
  if (in.empty()) return;
  Counter counter = counter_;
  advance(counter, offset / kBlockSize);
  do_apply(counter, offset % kBlockSize, in, out);
}

}  // namespace coffer
