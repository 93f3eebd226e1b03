#include "coffer/crypto/kdf_provider.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include "coffer/crypto/openssl.h"

namespace coffer {
namespace {

using MacContext = std::unique_ptr<EVP_MAC_CTX, OpenSslFree<EVP_MAC_CTX_free>>;
using KdfContext = std::unique_ptr<EVP_KDF_CTX, OpenSslFree<EVP_KDF_CTX_free>>;

// OpenSSL takes a null pointer for "none was given". OSSL_PARAM is made of mutable pointers, which are only read here.
uint8_t* param_data(ByteView bytes) {
  static constexpr uint8_t kNothing = 0;
  return const_cast<uint8_t*>(bytes.empty() ? &kNothing : bytes.data());
}

OSSL_PARAM text_param(const char* name, const char* text) {
  return OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(text), 0);
}

OSSL_PARAM bytes_param(const char* name, ByteView bytes) {
  return OSSL_PARAM_construct_octet_string(name, param_data(bytes), bytes.size());
}

}  // namespace

bool provider_hmac(const char* digest, ByteView key, ByteView data, MutableBytes out) {
  EVP_MAC* const hmac = openssl_algorithms().hmac;
  const MacContext context(hmac == nullptr ? nullptr : EVP_MAC_CTX_new(hmac));
  const OSSL_PARAM params[] = {text_param(OSSL_MAC_PARAM_DIGEST, digest), OSSL_PARAM_construct_end()};
  size_t size = 0;
  return context != nullptr && EVP_MAC_init(context.get(), param_data(key), key.size(), params) == 1 &&
         EVP_MAC_update(context.get(), param_data(data), data.size()) == 1 &&
         EVP_MAC_final(context.get(), out.data(), &size, out.size()) == 1 && size == out.size();
}

bool provider_hkdf_expand(const char* digest, ByteView prk, ByteView info, MutableBytes out) {
  EVP_KDF* const hkdf = openssl_algorithms().hkdf;
  const KdfContext context(hkdf == nullptr ? nullptr : EVP_KDF_CTX_new(hkdf));
  int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
                               text_param(OSSL_KDF_PARAM_DIGEST, digest), bytes_param(OSSL_KDF_PARAM_KEY, prk),
                               bytes_param(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  return context != nullptr && EVP_KDF_derive(context.get(), out.data(), out.size(), params) == 1;
}

}  // namespace coffer
