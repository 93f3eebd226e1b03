#include "coffer/net/kmip/connection.h"

#include <cerrno>
#include <cstring>

#include "coffer/base/pipe_signal.h"
#include "coffer/net/kmip/socket.h"
#include "coffer/net/kmip/ttlv.h"

namespace coffer::kmip {
namespace {

constexpr size_t kGrowthBytes = 16384;

// The host process may be in the middle of using OpenSSL's queue, and must not die of a peer that hangs up.
struct CallGuard {
  const ErrorQueueGuard queue;
  const HeldPipeSignal signal;
};

// What a host says that does not like who we are.
bool is_about_our_certificate(int reason) {
  switch (reason) {
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: return true;
    default: return false;
  }
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const TlsContext& context, const HostAddress& host,
                                                     Deadline deadline) {
  const CallGuard guard;
  COFFER_ASSIGN(BioHandle socket, connect_host(host, deadline));
  std::unique_ptr<Connection> out(new Connection);
  COFFER_ASSIGN(out->ssl_, context.make_session(host, out->verification_));
  BIO* const bio = socket.release();
  SSL_set_bio(out->ssl_.get(), bio, bio);
  COFFER_TRY(out->handshake(deadline));
  return out;
}

Connection::~Connection() {
  const CallGuard guard;
  // A last word, if it can be said without waiting; in a child of fork() the connection is the parent's.
  if (ssl_ != nullptr && !broken_ && opened_by_ == getpid()) SSL_shutdown(ssl_.get());
  ssl_.reset();
}

Status Connection::handshake(Deadline deadline) {
  while (true) {
    ERR_clear_error();
    errno = 0;
    const int result = SSL_connect(ssl_.get());
    if (result == 1) return Status::ok();
    COFFER_TRY(wait_for_retry(result, "during the TLS handshake", deadline));
  }
}

Status Connection::wait_for_retry(int result, std::string_view doing, Deadline deadline) {
  const int error = SSL_get_error(ssl_.get(), result);
  Status status;
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
    const Readiness readiness = error == SSL_ERROR_WANT_READ ? Readiness::kReadable : Readiness::kWritable;
    status = wait_until(SSL_get_fd(ssl_.get()), readiness, deadline);
    if (!status) status = Status(status.code(), std::string(status.message()) + " " + std::string(doing));
  } else {
    status = failure(error, doing);
  }
  broken_ = broken_ || !status;
  return status;
}

Status Connection::failure(int error, std::string_view doing) {
  if (!verification_.refusal.empty()) return {Code::kProviderUnavailable, verification_.refusal};
  const std::string when(doing);
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  if (error == SSL_ERROR_ZERO_RETURN || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    return {Code::kProviderUnavailable, "it closed the connection " + when};
  }
  if (error == SSL_ERROR_SYSCALL) {
    const std::string why = errno == 0 ? "it closed the connection" : std::strerror(errno);
    return {Code::kProviderUnavailable, why + " " + when};
  }
  if (is_about_our_certificate(reason)) {
    return {Code::kPermissionDenied,
            "not authorised: it does not accept our client certificate (" + openssl_reason() + ")"};
  }
  if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST) {
    return {Code::kProviderUnavailable, "it does not speak TLS"};
  }
  return {Code::kProviderUnavailable, "TLS failed " + when + ": " + openssl_reason()};
}

Status Connection::send_all(ByteView bytes, Deadline deadline) {
  while (!bytes.empty()) {
    ERR_clear_error();
    errno = 0;
    size_t count = 0;
    sent_ = true;
    const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
    if (result == 1) {
      bytes = bytes.subspan(count);
    } else {
      COFFER_TRY(wait_for_retry(result, "while taking the request", deadline));
    }
  }
  return Status::ok();
}

Status Connection::receive_exactly(MutableBytes out, Deadline deadline) {
  while (!out.empty()) {
    ERR_clear_error();
    errno = 0;
    size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), out.data(), out.size(), &count);
    if (result == 1) {
      out = out.subspan(count);
    } else {
      COFFER_TRY(wait_for_retry(result, "before its answer was complete", deadline));
    }
    // One that never ends a record would otherwise never let the loop look at the clock.
    if (!out.empty() && left_until(deadline).count() == 0) {
      broken_ = true;
      return {Code::kProviderUnavailable, "timed out before its answer was complete"};
    }
  }
  return Status::ok();
}

Result<SecretBuffer> Connection::exchange(ByteView request, size_t size_max, Deadline deadline) {
  const CallGuard guard;
  sent_ = false;
  COFFER_TRY(send_all(request, deadline));
  SecretBuffer out;
  COFFER_TRY(receive_exactly(out.extend(kItemHeaderSize), deadline));
  const uint64_t size = encoded_item_size(out.view().first<kItemHeaderSize>());
  if (size > size_max) {
    broken_ = true;
    return {Code::kProviderUnavailable, "its answer says it has " + std::to_string(size) +
                                            " bytes, more than the limit of " + std::to_string(size_max)};
  }
  // No more memory at once than has arrived, or a little: the size is only what the host says.
  while (out.size() < size) {
    const size_t step = std::min<size_t>(static_cast<size_t>(size) - out.size(), kGrowthBytes);
    COFFER_TRY(receive_exactly(out.extend(step), deadline));
  }
  return out;
}

bool Connection::is_idle() {
  if (broken_ || opened_by_ != getpid()) return false;
  const CallGuard guard;
  ERR_clear_error();
  // Takes in what TLS itself may have sent meanwhile, such as the session tickets of version 1.3.
  uint8_t byte;
  const int result = SSL_peek(ssl_.get(), &byte, 1);
  broken_ = result > 0 || SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ;
  return !broken_;
}

const char* Connection::tls_version() const { return SSL_get_version(ssl_.get()); }

}  // namespace coffer::kmip
