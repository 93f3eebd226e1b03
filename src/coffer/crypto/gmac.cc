#include "coffer/crypto/gmac.h"

#include "coffer/base/check.h"
#include "coffer/crypto/ctr.h"

namespace coffer {

Result<std::unique_ptr<GmacComputation>> GmacComputation::create(ByteView key, const CryptoBackend& backend) {
  if (key.size() != Gmac::kKeySize) {
    return {Code::kInvalidArgument, "a GMAC key has 44 bytes, not " + std::to_string(key.size())};
  }
  ByteView aes_key = key.first(kAesKeySize);
  ByteView nonce = key.subspan(kAesKeySize);
  auto out = backend.gmac(aes_key, nonce);
  if (out == nullptr) return not_offered(backend, "GMAC");
  return out;
}

Result<Gmac> Gmac::create(const Key<Role>& key) {
  COFFER_ASSIGN(const CryptoBackend* backend, gmac_backend());
  Gmac out;
  COFFER_ASSIGN(out.computation_, GmacComputation::create(key.reveal(), *backend));
  return out;
}

Gmac::Gmac(Gmac&&) noexcept = default;
Gmac& Gmac::operator=(Gmac&&) noexcept = default;
Gmac::~Gmac() = default;

void Gmac::drop_key() { computation_.reset(); }

void Gmac::update(ByteView data) {
  COFFER_REQUIRE(computation_ != nullptr, "a MAC takes nothing more once it is finished");
  if (!data.empty()) computation_->update(data);
}

std::array<uint8_t, kTagSize> Gmac::finish() {
  COFFER_REQUIRE(computation_ != nullptr, "a MAC is finished once");
  return std::exchange(computation_, nullptr)->finish();
}

}  // namespace coffer
