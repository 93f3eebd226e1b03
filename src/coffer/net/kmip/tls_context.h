// What all TLS connections of a group share: our certificate, whom we trust, which versions and ciphers. Thread-safe.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "coffer/crypto/openssl_handles.h"
#include "coffer/net/kmip/settings.h"

namespace coffer::kmip {

using SslContextHandle = std::unique_ptr<SSL_CTX, OpenSslFree<SSL_CTX_free>>;
using SslHandle = std::unique_ptr<SSL, OpenSslFree<SSL_free>>;

// What is known of the host on the other side, and what is wrong with its certificate.
struct Verification {
  std::string host;
  std::string trust_path;
  std::string refusal;  // empty while nothing is
};

class TlsContext {
 public:
  // Reads the stores. kInvalidArgument also for a cipher suite that OpenSSL does not know.
  static Result<std::shared_ptr<const TlsContext>> create(const TlsSettings& settings);

  // A client's side, not connected to anything, that will accept `host` only (unless told not to verify it), and fills
  // `verification`, which must outlive the result.
  Result<SslHandle> make_session(const HostAddress& host, Verification& verification) const;

 private:
  TlsContext() = default;
  SslContextHandle context_;
  std::string trust_path_;
  bool verify_host_ = true;
};

}  // namespace coffer::kmip
