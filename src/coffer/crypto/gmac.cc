#include "coffer/crypto/gmac.h"

#include "coffer/crypto/ctr.h"

namespace coffer {

Result<std::unique_ptr<GmacComputation>> GmacComputation::create(ByteView key, CryptoBackend backend) {
  if (key.size() != Gmac::kKeySize) {
    return {Code::kInvalidArgument, "a GMAC key has 44 bytes, not " + std::to_string(key.size())};
  }
  ByteView aes_key = key.first(kAesKeySize);
  ByteView nonce = key.subspan(kAesKeySize);
  std::unique_ptr<GmacComputation> out;
  if (backend == CryptoBackend::kOpenSsl) out = openssl_gmac(aes_key, nonce);
#ifdef COFFER_HAVE_IPSEC_MB
  if (backend == CryptoBackend::kIpsecMb) out = ipsec_mb_gmac(aes_key, nonce);
#endif
  if (out == nullptr) {
    return {Code::kUnsupported, std::string(backend_name(backend)) + " on this machine does not offer GMAC"};
  }
  return out;
}

Result<Gmac> Gmac::create(const Key<Role>& key) {
  COFFER_ASSIGN(CryptoBackend backend, crypto_backend());
  Gmac out;
  COFFER_ASSIGN(out.computation_, GmacComputation::create(key.reveal(), backend));
  return out;
}

Gmac::Gmac(Gmac&&) noexcept = default;
Gmac& Gmac::operator=(Gmac&&) noexcept = default;
Gmac::~Gmac() = default;

void Gmac::update(ByteView data) {
  if (!data.empty()) computation_->update(data);
}

std::array<uint8_t, kTagSize> Gmac::finish() { return computation_->finish(); }

}  // namespace coffer
