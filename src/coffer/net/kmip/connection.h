// One TLS connection to one KMIP host. Not thread-safe: used by one caller at a time.
#pragma once

#include <unistd.h>

#include "coffer/base/deadline.h"
#include "coffer/base/secret_buffer.h"
#include "coffer/net/kmip/tls_context.h"

namespace coffer::kmip {

class Connection {
 public:
  // Resolving, connecting and the handshake end by the deadline. kProviderUnavailable (refused,
  // timed out, not trusted and why, …) or kPermissionDenied (the host does not accept our certificate); messages do not
  // name the host.
  static Result<std::unique_ptr<Connection>> open(const TlsContext& context, const HostAddress& host,
                                                  Deadline deadline);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Sends one message and receives one, of at most `size_max` bytes. Codes as above.
  // After a failure the connection is useless.
  Result<SecretBuffer> exchange(ByteView request, size_t size_max, Deadline deadline);
  // Whether the host may have seen something of a request of the latest exchange().
  bool may_have_sent() const { return sent_; }
  // Nothing has arrived unasked, and the host has not closed it. After a fork it is the parent's, and never idle here.
  bool is_idle();
  const char* tls_version() const;

 private:
  Connection() = default;
  Status handshake(Deadline deadline);
  Status send_all(ByteView bytes, Deadline deadline);
  Status receive_exactly(MutableBytes out, Deadline deadline);
  // After an OpenSSL call returned `result`: ok once it may be tried again.
  Status wait_for_retry(int result, std::string_view doing, Deadline deadline);
  Status failure(int error, std::string_view doing);

  const pid_t opened_by_ = getpid();
  Verification verification_;  // before ssl_, which writes to it
  SslHandle ssl_;
  bool sent_ = false;
  bool broken_ = false;
};

}  // namespace coffer::kmip
