#include "coffer/net/serve/server_tls.h"

#include <openssl/pem.h>

#include "coffer/config/secret_source.h"
#include "coffer/crypto/library.h"
#include "coffer/crypto/openssl_handles.h"

namespace coffer::serve {
namespace {

using SslContextHandle = std::unique_ptr<SSL_CTX, OpenSslFree<SSL_CTX_free>>;

constexpr size_t kPrivateKeySizeMax = size_t{64} << 10;

// Nobody is asked for a passphrase.
int no_passphrase(char*, int, int, void*) { return 0; }

Status use_private_key(SSL_CTX* context, const std::string& path) {
  COFFER_ASSIGN(const SecretBytes pem, read_private_file(path, kPrivateKeySizeMax));
  const BioHandle bio(BIO_new_mem_buf(pem.reveal().data(), static_cast<int>(pem.size())));
  const EvpKeyHandle key(
      PEM_read_bio_PrivateKey_ex(bio.get(), nullptr, no_passphrase, nullptr, openssl_library(), nullptr));
  if (key == nullptr) {
    return {Code::kInvalidArgument,
            path + ": expected a private key in PEM without a passphrase: " + openssl_reason()};
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) == 1 && SSL_CTX_check_private_key(context) == 1) return Status::ok();
  return {Code::kInvalidArgument, path + ": the key is not that of the certificate: " + openssl_reason()};
}

}  // namespace

Result<std::shared_ptr<ServerTls>> ServerTls::create(const std::string& certificate, const std::string& key) {
  const ErrorQueueGuard guard;
  SslContextHandle out(SSL_CTX_new_ex(openssl_library(), nullptr, TLS_server_method()));
  if (out == nullptr || SSL_CTX_set_min_proto_version(out.get(), TLS1_2_VERSION) != 1) {
    return {Code::kInternal, "OpenSSL has no TLS: " + openssl_reason()};
  }
  // What clients say of the token is wiped from OpenSSL's buffers once it was handed over.
  SSL_CTX_set_options(out.get(), SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(out.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(out.get(), SSL_SESS_CACHE_OFF);
  if (SSL_CTX_use_certificate_chain_file(out.get(), certificate.c_str()) != 1) {
    return {Code::kInvalidArgument, certificate + ": expected a certificate in PEM, with those that it is signed by: " +
                                        openssl_reason()};
  }
  COFFER_TRY(use_private_key(out.get(), key));
  return std::shared_ptr<ServerTls>(new ServerTls(out.release()));
}

}  // namespace coffer::serve
