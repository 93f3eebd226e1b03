#include "coffer/net/oauth/jwt.h"

#include <openssl/pem.h>

#include "coffer/base/base64.h"
#include "coffer/crypto/library.h"
#include "coffer/crypto/openssl_handles.h"
#include "coffer/net/http/json_body.h"

namespace coffer::oauth {
namespace {

constexpr int kRsaBitsMin = 2048;

// Instead of asking at the terminal.
int no_password(char*, int, int, void*) { return -1; }

Result<EvpKeyHandle> read_private_key(const SecretBytes& pem) {
  const BioHandle bio(BIO_new_mem_buf(pem.reveal().data(), static_cast<int>(pem.size())));  // nothing for an empty text
  EvpKeyHandle key(bio == nullptr ? nullptr
                                  : PEM_read_bio_PrivateKey_ex(bio.get(), nullptr, no_password, nullptr,
                                                               openssl_library(), nullptr));
  if (key == nullptr || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key.get()) < kRsaBitsMin) {
    return {Code::kInvalidArgument, "expected the PEM of an RSA private key of at least 2048 bits, not encrypted"};
  }
  return key;
}

void append_base64url(http::SecretText& out, ByteView bytes) {
  SecretBytes text(base64url_size(bytes.size()));
  encode_base64url(bytes, text.reveal_mutable());
  out.append(text.reveal());
}

}  // namespace

Result<SecretBytes> sign_jwt(ByteView header_json, ByteView claims_json, const SecretBytes& private_key_pem) {
  const ErrorQueueGuard guard;
  COFFER_ASSIGN(const EvpKeyHandle key, read_private_key(private_key_pem));
  http::SecretText out;
  append_base64url(out, header_json);
  out.append(".");
  append_base64url(out, claims_json);
  const DigestContext digest(EVP_MD_CTX_new());
  Bytes signature(static_cast<size_t>(EVP_PKEY_get_size(key.get())));
  size_t size = signature.size();
  if (digest == nullptr ||
      EVP_DigestSignInit_ex(digest.get(), nullptr, "SHA2-256", openssl_library(), nullptr, key.get(), nullptr) != 1 ||
      EVP_DigestSign(digest.get(), signature.data(), &size, out.view().data(), out.size()) != 1) {
    return {Code::kInternal, "OpenSSL cannot sign with the private key"};
  }
  out.append(".");
  append_base64url(out, ByteView(signature).first(size));
  return out.take();
}

Result<std::string> certificate_thumbprint(const SecretBytes& pem) {
  const ErrorQueueGuard guard;
  const BioHandle bio(BIO_new_mem_buf(pem.reveal().data(), static_cast<int>(pem.size())));
  const X509Handle certificate(bio == nullptr ? nullptr : PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr));
  Bytes hash(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  if (certificate == nullptr || X509_digest(certificate.get(), EVP_sha1(), hash.data(), &size) != 1) {
    return {Code::kInvalidArgument, "expected the PEM of a certificate"};
  }
  hash.resize(size);
  return base64url_text(hash);
}

}  // namespace coffer::oauth
