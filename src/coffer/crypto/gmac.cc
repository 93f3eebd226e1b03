#include <openssl/core_names.h>

#include "coffer/crypto/ctr.h"
#include "coffer/crypto/openssl.h"

namespace coffer {

struct Gmac::State {
  EVP_MAC_CTX* context = nullptr;
  bool good = true;
  ~State() { EVP_MAC_CTX_free(context); }
};

Result<Gmac> Gmac::create(const Key<Role>& key) {
  constexpr size_t kAesKeySize = kKeySize - kNonceSize;
  if (key.size() != kKeySize) {
    return Status(Code::kInvalidArgument, "a GMAC key has 44 bytes, not " + std::to_string(key.size()));
  }
  ErrorQueueGuard guard;
  Gmac out;
  out.state_ = std::make_unique<State>();
  EVP_MAC* mac = openssl_algorithms().gmac;
  if (mac != nullptr) out.state_->context = EVP_MAC_CTX_new(mac);
  char cipher[] = "AES-256-GCM";
  // OSSL_PARAM is made of mutable pointers; the IV is only read.
  auto* iv = const_cast<uint8_t*>(key.reveal().data() + kAesKeySize);
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0),
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_IV, iv, kNonceSize),
      OSSL_PARAM_construct_end(),
  };
  if (out.state_->context == nullptr ||
      EVP_MAC_init(out.state_->context, key.reveal().data(), kAesKeySize, params) != 1) {
    return Status(Code::kInternal, "OpenSSL cannot compute GMAC: check its configuration and providers");
  }
  return out;
}

Gmac::Gmac(Gmac&&) noexcept = default;
Gmac& Gmac::operator=(Gmac&&) noexcept = default;
Gmac::~Gmac() = default;

void Gmac::update(ByteView data) {
  if (data.empty()) return;
  state_->good = state_->good && EVP_MAC_update(state_->context, data.data(), data.size()) == 1;
}

std::array<uint8_t, kTagSize> Gmac::finish() {
  std::array<uint8_t, kTagSize> tag{};
  size_t size = 0;
  if (!state_->good || EVP_MAC_final(state_->context, tag.data(), &size, tag.size()) != 1) tag.fill(0);
  return tag;
}

}  // namespace coffer
