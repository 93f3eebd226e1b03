// A server's side of TLS: its certificate and versions. Thread-safe.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <array>
#include <memory>
#include <mutex>
#include <string>

#include "coffer/io/disk.h"

namespace coffer::serve {

class ServerTls {
 public:
  // PEM files: the certificate with those that it is signed by, and its key, which must be nobody else's. TLS 1.2 and
  // 1.3. kInvalidArgument, kPermissionDenied, kNotFound.
  static Result<std::shared_ptr<ServerTls>> create(const std::string& certificate, const std::string& key);

  // Takes the files' present contents for connections to come, if they have changed. Errors as create(): then what was
  // read before is kept, and is looked for again at the next call.
  Status renew();

  // For a connection that begins now.
  std::shared_ptr<boost::asio::ssl::context> context() const;

 private:
  using Context = std::shared_ptr<boost::asio::ssl::context>;
  using Seen = std::array<FileInfo, 2>;

  ServerTls(std::string certificate, std::string key) : certificate_(std::move(certificate)), key_(std::move(key)) {}
  Result<Seen> look() const;
  Result<Context> read() const;

  const std::string certificate_, key_;
  mutable std::mutex mutex_;
  Context context_;
  Seen seen_;
};

}  // namespace coffer::serve
