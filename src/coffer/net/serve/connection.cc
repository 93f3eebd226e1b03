#include "coffer/net/serve/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace coffer::serve {
namespace {

constexpr std::chrono::seconds kEndTime{1};

std::string_view reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 413: return "Content Too Large";
    case 421: return "Misdirected Request";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    default: return "HTTP Version Not Supported";
  }
}

Answer answer_refusal(const Refusal& refusal) {
  return {.status = refusal.status,
          .headers = std::string("Content-Type: text/plain; charset=utf-8\r\n") +
                     (refusal.status == 405 ? "Allow: GET, HEAD\r\n" : ""),
          .body = std::make_shared<const std::string>(std::string(reason_of(refusal.status)) + "\n")};
}

}  // namespace

Connection::Connection(Descriptor socket, SslHandle session)
    : socket_(std::move(socket)), session_(std::move(session)), events_(POLLIN) {}

bool Connection::advance(const Answerer& answerer) {
  if (state_ == State::kReading && !read_question(answerer)) return false;
  if (state_ == State::kWriting && !write_answer()) return false;
  return state_ != State::kEnding || await_end();
}

bool Connection::read_question(const Answerer& answerer) {
  while (true) {
    size_t size = 0;
    const Moved moved = receive(received_.reveal_mutable().subspan(received_size_), size);
    if (moved != Moved::kSome) return moved == Moved::kWaits;
    received_size_ += size;
    const ParsedRequest parsed = parse_request(as_text(received_.reveal().first(received_size_)));
    if (!parsed.request && !parsed.refusal) continue;
    const Answer answer = parsed.request ? answerer(*parsed.request) : answer_refusal(*parsed.refusal);
    begin_answer(answer, parsed.request && parsed.request->head_only);
    return true;
  }
}

void Connection::begin_answer(const Answer& answer, bool head_only) {
  head_ = "HTTP/1.1 " + std::to_string(answer.status) + " " + std::string(reason_of(answer.status)) + "\r\n" +
          answer.headers + "Content-Length: " + std::to_string(answer.body->size()) + "\r\nConnection: close\r\n\r\n";
  body_ = head_only ? std::make_shared<const std::string>() : answer.body;
  received_ = {};
  state_ = State::kWriting;
  deadline_ = deadline_in(kAnswerTime);
}

bool Connection::write_answer() {
  while (sent_ < head_.size() + body_->size()) {
    size_t size = 0;
    const std::string_view rest = sent_ < head_.size() ? std::string_view(head_).substr(sent_)
                                                       : std::string_view(*body_).substr(sent_ - head_.size());
    const Moved moved = send(rest, size);
    if (moved != Moved::kSome) return moved == Moved::kWaits;
    sent_ += size;
  }
  if (session_ != nullptr) SSL_shutdown(session_.get());
  ::shutdown(socket_.get(), SHUT_WR);
  state_ = State::kEnding;
  events_ = POLLIN;
  deadline_ = deadline_in(kEndTime);
  return true;
}

// Closed with something unread, a socket takes the answer back from who has not read it yet.
bool Connection::await_end() {
  char thrown_away[1024];
  ssize_t size = 0;
  while ((size = ::recv(socket_.get(), thrown_away, sizeof thrown_away, MSG_DONTWAIT)) > 0) {
  }
  return size < 0 && (errno == EAGAIN || errno == EINTR);
}

Connection::Moved Connection::receive(MutableBytes into, size_t& size) {
  if (session_ != nullptr) return moved(SSL_read_ex(session_.get(), into.data(), into.size(), &size), size);
  const ssize_t got = ::recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT);
  if (got > 0) return size = static_cast<size_t>(got), Moved::kSome;
  events_ = POLLIN;
  return got < 0 && (errno == EAGAIN || errno == EINTR) ? Moved::kWaits : Moved::kEnded;
}

Connection::Moved Connection::send(std::string_view from, size_t& size) {
  if (session_ != nullptr) return moved(SSL_write_ex(session_.get(), from.data(), from.size(), &size), size);
  const ssize_t sent = ::send(socket_.get(), from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent > 0) return size = static_cast<size_t>(sent), Moved::kSome;
  events_ = POLLOUT;
  return sent < 0 && (errno == EAGAIN || errno == EINTR) ? Moved::kWaits : Moved::kEnded;
}

// Either direction of TLS may have to wait for the other.
Connection::Moved Connection::moved(int result, size_t& size) {
  if (result == 1 && size > 0) return Moved::kSome;
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ: return events_ = POLLIN, Moved::kWaits;
    case SSL_ERROR_WANT_WRITE: return events_ = POLLOUT, Moved::kWaits;
    default: return Moved::kEnded;
  }
}

}  // namespace coffer::serve
