#include "coffer/net/kmip/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "coffer/net/kmip/socket.h"
#include "coffer/net/kmip/ttlv.h"

namespace coffer::kmip {
namespace {

constexpr size_t kGrowthBytes = 16384;

int socket_of(BIO* bio) { return static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio))); }

int read_socket(BIO* bio, char* out, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t count = recv(socket_of(bio), out, static_cast<size_t>(size), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(count);
}

int write_socket(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  // A host that hangs up must not raise SIGPIPE in somebody else's process: OpenSSL's own BIO would.
  const ssize_t count = send(socket_of(bio), data, static_cast<size_t>(size), MSG_NOSIGNAL);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(count);
}

long control_socket(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

int create_socket(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

const BIO_METHOD* socket_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "coffer socket");
    if (made == nullptr) return made;
    BIO_meth_set_read(made, read_socket);
    BIO_meth_set_write(made, write_socket);
    BIO_meth_set_ctrl(made, control_socket);
    BIO_meth_set_create(made, create_socket);
    return made;
  }();
  return method;
}

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
                                                     std::chrono::milliseconds timeout) {
  COFFER_ASSIGN(const int socket, connect_host(host, timeout));
  std::unique_ptr<Connection> out(new Connection(socket));
  COFFER_TRY(out->handshake(context, host, deadline_in(timeout)));
  return out;
}

Connection::~Connection() {
  const ErrorQueueGuard guard;
  // A last word, if it can be said without waiting.
  if (ssl_ != nullptr && !broken_) SSL_shutdown(ssl_.get());
  ssl_.reset();
  close(socket_);
}

Status Connection::handshake(const TlsContext& context, const HostAddress& host, Deadline deadline) {
  const ErrorQueueGuard guard;
  COFFER_ASSIGN(ssl_, context.make_session(host, &refusal_));
  BIO* const bio = BIO_new(socket_method());
  if (bio == nullptr) return {Code::kInternal, "OpenSSL has no memory"};
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<intptr_t>(socket_)));
  SSL_set_bio(ssl_.get(), bio, bio);
  while (true) {
    ERR_clear_error();
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
    status = wait_until(socket_, readiness, deadline);
    if (!status) status = Status(status.code(), std::string(status.message()) + " " + std::string(doing));
  } else {
    status = failure(error, doing);
  }
  broken_ = broken_ || !status;
  return status;
}

Status Connection::failure(int error, std::string_view doing) {
  if (!refusal_.empty()) return {Code::kProviderUnavailable, refusal_};
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

Result<SecretBuffer> Connection::exchange(ByteView request, size_t size_max, std::chrono::milliseconds timeout) {
  const ErrorQueueGuard guard;
  const Deadline deadline = deadline_in(timeout);
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
  if (broken_) return false;
  const ErrorQueueGuard guard;
  ERR_clear_error();
  // Takes in what TLS itself may have sent meanwhile, such as the session tickets of version 1.3.
  uint8_t byte;
  const int result = SSL_peek(ssl_.get(), &byte, 1);
  broken_ = result > 0 || SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ;
  return !broken_;
}

const char* Connection::tls_version() const { return SSL_get_version(ssl_.get()); }

}  // namespace coffer::kmip
