#include <algorithm>

#include "coffer/crypto/counter_mode.h"
#include "coffer/crypto/openssl.h"

namespace coffer {
namespace {

constexpr size_t kUpdateMax = size_t{1} << 30;  // EVP counts in int

class OpenSslCounterMode final : public CounterMode {
 public:
  OpenSslCounterMode(std::unique_ptr<CipherContextPool> pool, ByteView iv) : CounterMode(iv), pool_(std::move(pool)) {}

 private:
  void do_apply(const Counter& counter, size_t skip, ByteView in, uint8_t* out) const override {
    CipherContextPool::Lease lease(*pool_);
    EVP_CIPHER_CTX* context = lease.get();
    uint8_t skipped[kBlockSize] = {};
    int written = 0;
    bool good = EVP_CipherInit_ex2(context, nullptr, nullptr, counter.data(), 1, nullptr) == 1;
    if (skip > 0) good = good && EVP_CipherUpdate(context, skipped, &written, skipped, static_cast<int>(skip)) == 1;
    wipe(skipped, sizeof skipped);
    while (good && !in.empty()) {
      size_t count = std::min(in.size(), kUpdateMax);
      good = EVP_CipherUpdate(context, out, &written, in.data(), static_cast<int>(count)) == 1;
      in = in.subspan(count);
      out += count;
    }
    if (!good) openssl_failed("AES-CTR");
  }

  std::unique_ptr<CipherContextPool> pool_;
};

}  // namespace

std::unique_ptr<CounterMode> openssl_counter_mode(Suite suite, ByteView key, ByteView iv) {
  auto pool = CipherContextPool::create(openssl_algorithms().cipher(suite), key);
  if (pool == nullptr) return nullptr;
  return std::make_unique<OpenSslCounterMode>(std::move(pool), iv);
}

}  // namespace coffer
