// A server's side of TLS: its certificate and versions.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "coffer/base/status.h"

namespace coffer::serve {

class ServerTls {
 public:
  // PEM files: the certificate with those that it is signed by, and its key, which must be nobody else's. TLS 1.2 and
  // 1.3. kInvalidArgument, kPermissionDenied, kNotFound.
  static Result<std::shared_ptr<ServerTls>> create(const std::string& certificate, const std::string& key);

  boost::asio::ssl::context& context() { return context_; }

 private:
  explicit ServerTls(SSL_CTX* context) : context_(context) {}
  boost::asio::ssl::context context_;
};

}  // namespace coffer::serve
