#include "coffer/crypto/counter_mode.h"

#include <algorithm>

namespace coffer {

CounterMode::CounterMode(ByteView iv) : iv_() { std::ranges::copy(iv.first(kNonceSize), iv_.begin()); }

Result<std::unique_ptr<CounterMode>> CounterMode::create(Suite suite, ByteView key, CryptoBackend backend) {
  const SuiteInfo* info = find_suite(static_cast<uint8_t>(suite));
  if (info == nullptr || info->authenticated) {
    return Status(Code::kInvalidArgument, "counter mode needs a CTR suite, such as aes-256-ctr");
  }
  if (key.size() != info->key_size + kNonceSize) {
    return Status(Code::kInvalidArgument, "a key for " + std::string(info->name) + " has " +
                                              std::to_string(info->key_size + kNonceSize) + " bytes, not " +
                                              std::to_string(key.size()));
  }
  ByteView aes_key = key.first(info->key_size);
  ByteView iv = key.subspan(info->key_size);
  std::unique_ptr<CounterMode> out;
  if (backend == CryptoBackend::kOpenSsl) out = openssl_counter_mode(suite, aes_key, iv);
  if (out == nullptr) {
    return Status(Code::kUnsupported,
                  std::string(backend_name(backend)) + " on this machine does not offer " + std::string(info->name));
  }
  return out;
}

CounterMode::Counter CounterMode::counter_of(uint64_t number) const {
  Counter counter{};
  std::ranges::copy(iv_, counter.begin());
  for (size_t i = kBlockSize; i-- > 0 && number > 0;) {
    number += counter[i];
    counter[i] = static_cast<uint8_t>(number);
    number >>= 8;
  }
  return counter;
}

void CounterMode::apply(uint64_t offset, ByteView in, uint8_t* out) const {
  if (in.empty()) return;
  do_apply(counter_of(offset / kBlockSize), offset % kBlockSize, in, out);
}

}  // namespace coffer
