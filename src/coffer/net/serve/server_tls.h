// A server's side of TLS: its certificate, versions, and a session for each connection. Thread-safe.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "coffer/base/status.h"
#include "coffer/crypto/openssl_handles.h"

namespace coffer::serve {

using SslContextHandle = std::unique_ptr<SSL_CTX, OpenSslFree<SSL_CTX_free>>;
using SslHandle = std::unique_ptr<SSL, OpenSslFree<SSL_free>>;

class ServerTls {
 public:
  // PEM files: the certificate with those that it is signed by, and its key, which must be nobody else's. TLS 1.2 and
  // 1.3. kInvalidArgument, kPermissionDenied, kNotFound.
  static Result<std::shared_ptr<const ServerTls>> create(const std::string& certificate, const std::string& key);

  // Over a connected socket that does not block. Null: no memory.
  SslHandle make_session(int socket) const;

 private:
  explicit ServerTls(SslContextHandle context) : context_(std::move(context)) {}
  const SslContextHandle context_;
};

}  // namespace coffer::serve
