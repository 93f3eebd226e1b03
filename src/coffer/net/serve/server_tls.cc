#include "coffer/net/serve/server_tls.h"

#include <openssl/pem.h>

#include "coffer/config/secret_source.h"
#include "coffer/crypto/library.h"
#include "coffer/crypto/openssl_handles.h"
#include "coffer/io/unchanged.h"

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
  std::shared_ptr<ServerTls> out(new ServerTls(certificate, key));
  COFFER_TRY(out->renew());
  return out;
}

Result<ServerTls::Seen> ServerTls::look() const {
  COFFER_ASSIGN(const FileInfo certificate, Disk::posix().info(certificate_));
  COFFER_ASSIGN(const FileInfo key, Disk::posix().info(key_));
  return Seen{certificate, key};
}

// Where the two are replaced one after the other, what is read in between does not fit together, and is an error.
Status ServerTls::renew() {
  COFFER_ASSIGN(const Seen now, look());
  {
    const std::lock_guard lock(mutex_);
    if (context_ != nullptr && is_unchanged(seen_[0], now[0]) && is_unchanged(seen_[1], now[1])) return Status::ok();
  }
  COFFER_ASSIGN(Context context, read());
  const std::lock_guard lock(mutex_);
  context_ = std::move(context);
  seen_ = now;
  return Status::ok();
}

ServerTls::Context ServerTls::context() const {
  const std::lock_guard lock(mutex_);
  return context_;
}

Result<ServerTls::Context> ServerTls::read() const {
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
  if (SSL_CTX_use_certificate_chain_file(out.get(), certificate_.c_str()) != 1) {
    return {Code::kInvalidArgument,
            certificate_ + ": expected a certificate in PEM, with those that it is signed by: " + openssl_reason()};
  }
  COFFER_TRY(use_private_key(out.get(), key_));
  return std::make_shared<boost::asio::ssl::context>(out.release());
}

}  // namespace coffer::serve
