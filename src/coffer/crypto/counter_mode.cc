#include "coffer/crypto/counter_mode.h"

#include <algorithm>

#include "coffer/base/check.h"
#include "coffer/base/codec.h"

namespace coffer {

CounterMode::CounterMode(ByteView iv) : counter_() { std::ranges::copy(iv.first(kNonceSize), counter_.begin()); }

Result<std::unique_ptr<CounterMode>> CounterMode::create(Suite suite, ByteView key, const CryptoBackend& backend) {
  const SuiteInfo* info = find_suite(static_cast<uint8_t>(suite));
  if (info == nullptr || info->mode != CipherMode::kCounter) {
    return {Code::kInvalidArgument, "counter mode needs a CTR suite, such as aes-256-ctr"};
  }
  if (key.size() != info->key_size + kNonceSize) {
    return {Code::kInvalidArgument, "a key for " + std::string(info->name) + " has " +
                                        std::to_string(info->key_size + kNonceSize) + " bytes, not " +
                                        std::to_string(key.size())};
  }
  ByteView aes_key = key.first(info->key_size);
  ByteView iv = key.subspan(info->key_size);
  auto out = backend.counter_mode(suite, aes_key, iv);
  if (out == nullptr) return not_offered(backend, info->name);
  return out;
}

void CounterMode::advance(Counter& counter, uint64_t blocks) {
  uint64_t high = __builtin_bswap64(load_le64(counter.data()));
  const uint64_t low = __builtin_bswap64(load_le64(counter.data() + 8)) + blocks;
  if (low < blocks) ++high;
  store_le64_pair(counter.data(), __builtin_bswap64(high), __builtin_bswap64(low));
}

void CounterMode::apply(uint64_t offset, ByteView in, uint8_t* out) const {
  COFFER_REQUIRE(offset <= kOffsetMax && in.size() <= kOffsetMax - offset, "a key stream has at most 2^40 bytes");
  if (in.empty()) return;
  COFFER_REQUIRE(process_.is_here(), "a child of fork() uses no key of its parent's");
  Counter counter = counter_;
  advance(counter, offset / kBlockSize);
  do_apply(counter, offset % kBlockSize, in, out);
}

void CounterMode::apply_from(const Counter& counter, ByteView in, uint8_t* out) const {
  COFFER_REQUIRE(process_.is_here(), "a child of fork() uses no key of its parent's");
  if (!in.empty()) do_apply(counter, 0, in, out);
}

void CounterMode::encrypt_block(const Counter& block, uint8_t* out) const {
  const Counter zeros{};
  apply_from(block, zeros, out);
}

}  // namespace coffer
