#include <openssl/core_names.h>

#include "coffer/crypto/foreign_keys.h"
#include "coffer/crypto/gmac.h"
#include "coffer/crypto/openssl.h"

namespace coffer {
namespace {

class OpenSslGmac final : public GmacComputation {
 public:
  explicit OpenSslGmac(EVP_MAC_CTX* context) : context_(context) { register_foreign_key(context_, empty); }
  ~OpenSslGmac() override {
    unregister_foreign_key(context_);
    EVP_MAC_CTX_free(context_);
  }

  void update(ByteView data) override {
    if (EVP_MAC_update(context_, data.data(), data.size()) != 1) openssl_failed("GMAC");
  }

  std::array<uint8_t, kTagSize> finish() override {
    std::array<uint8_t, kTagSize> tag{};
    size_t size = 0;
    if (EVP_MAC_final(context_, tag.data(), &size, tag.size()) != 1 || size != tag.size()) openssl_failed("GMAC");
    return tag;
  }

 private:
  // There is no other way to take a key from one than to give it another.
  static void empty(void* context) {
    const uint8_t zeros[kAesKeySize] = {};
    EVP_MAC_init(static_cast<EVP_MAC_CTX*>(context), zeros, sizeof zeros, nullptr);
  }

  EVP_MAC_CTX* context_;
};

}  // namespace

std::unique_ptr<GmacComputation> openssl_gmac(ByteView key, ByteView nonce) {
  ErrorQueueGuard guard;
  EVP_MAC* mac = openssl_algorithms().gmac;
  EVP_MAC_CTX* context = mac == nullptr ? nullptr : EVP_MAC_CTX_new(mac);
  if (context == nullptr) return nullptr;
  auto out = std::make_unique<OpenSslGmac>(context);
  // OSSL_PARAM is made of mutable pointers, which are only read here.
  char cipher[] = "AES-256-GCM";
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0),
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_IV, const_cast<uint8_t*>(nonce.data()), nonce.size()),
      OSSL_PARAM_construct_end(),
  };
  if (EVP_MAC_init(context, key.data(), key.size(), params) != 1) return nullptr;
  return out;
}

}  // namespace coffer
