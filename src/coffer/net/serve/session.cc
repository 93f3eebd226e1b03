#include "coffer/net/serve/session.h"

#include <array>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_static_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include "coffer/base/secret.h"

namespace coffer::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

constexpr std::chrono::seconds kEndTime{1};

std::string_view view_of(boost::string_view text) { return {text.data(), text.size()}; }

int refusal_of(const error_code& error) {
  if (error == http::error::bad_version) return 505;
  return error == http::error::header_limit ? 431 : 400;
}

// Of what came, and not of the connection.
bool is_malformed(const error_code& error) {
  static const auto& of_http = http::make_error_code(http::error::end_of_stream).category();
  return error.category() == of_http && error != http::error::end_of_stream && error != http::error::partial_message;
}

Answer answer_refusal(int status) {
  Answer out{.status = status, .headers = {{"Content-Type", "text/plain; charset=utf-8"}}, .body = {}};
  if (status == 405) out.headers.emplace_back("Allow", "GET, HEAD");
  out.body = std::make_shared<const std::string>(
      std::string(view_of(http::obsolete_reason(static_cast<http::status>(status)))) + "\n");
  return out;
}

using Parser = http::request_parser<http::empty_body>;

// 0, or with what a question is refused that is none for a document.
int refusal_of(const Parser& parser) {
  const auto& request = parser.get();
  const http::verb method = request.method();
  if (method != http::verb::get && method != http::verb::head) return 405;
  if (parser.chunked() || parser.content_length().value_or(0) != 0) return 413;
  if (std::distance(request.begin(), request.end()) > static_cast<ptrdiff_t>(kRequestHeadersMax)) return 431;
  if (request.count(http::field::host) > 1 || request.count(http::field::authorization) > 1) return 400;
  return request.target().starts_with('/') ? 0 : 400;
}

template <class Stream>
class SessionOver final : public Session, public std::enable_shared_from_this<SessionOver<Stream>> {
 public:
  SessionOver(Stream stream, const Answerer& answerer) : stream_(std::move(stream)), answerer_(answerer) {
    parser_.header_limit(kRequestSizeMax);
  }
  // It may have a token in it.
  ~SessionOver() override { wipe(buffer_.data().data(), buffer_.size()); }

  // The time is for all of it, whatever parts it comes in.
  void begin() override {
    socket().expires_after(kRequestTime);
    if constexpr (kIsTls) {
      stream_.async_handshake(asio::ssl::stream_base::server, [self = self()](const error_code& error) {
        if (!error) self->read();
      });
    } else {
      read();
    }
  }
  void close() override { socket().close(); }

 private:
  static constexpr bool kIsTls = !std::is_same_v<Stream, beast::tcp_stream>;

  auto self() { return this->shared_from_this(); }
  beast::tcp_stream& socket() { return beast::get_lowest_layer(stream_); }

  void read() {
    http::async_read_header(stream_, buffer_, parser_, [self = self()](const error_code& error, size_t) {
      if (!error || is_malformed(error)) self->answer(error ? refusal_of(error) : refusal_of(self->parser_));
    });
  }

  void answer(int refusal) {
    const auto& request = parser_.get();
    answer_ = refusal != 0 ? answer_refusal(refusal) : answerer_(question());
    response_.result(static_cast<unsigned>(answer_.status));
    for (const auto& [name, value] : answer_.headers) response_.set(name, value);
    response_.content_length(answer_.body->size());
    response_.keep_alive(false);
    if (refusal != 0 || request.method() != http::verb::head) {
      response_.body() = {answer_.body->data(), answer_.body->size()};
    }
    socket().expires_after(kAnswerTime);
    http::async_write(stream_, response_, [self = self()](const error_code& error, size_t) {
      if (!error) self->end();
    });
  }

  Request question() const {
    const auto& request = parser_.get();
    const std::string_view target = view_of(request.target());
    return {.path = target.substr(0, target.find('?')),
            .host = view_of(request[http::field::host]),
            .authorization = view_of(request[http::field::authorization])};
  }

  void end() {
    socket().expires_after(kEndTime);
    if constexpr (kIsTls) {
      stream_.async_shutdown([self = self()](const error_code&) {});
    } else {
      error_code ignored;
      stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
      await_end();
    }
  }

  // Closed with something unread, a socket takes the answer back from who has not read it yet.
  void await_end() {
    stream_.async_read_some(asio::buffer(thrown_away_), [self = self()](const error_code& error, size_t) {
      if (!error) self->await_end();
    });
  }

  Stream stream_;
  const Answerer& answerer_;
  beast::flat_static_buffer<kRequestSizeMax> buffer_;
  Parser parser_;
  Answer answer_;
  http::response<http::span_body<const char>> response_;
  std::array<char, 1024> thrown_away_;
};

}  // namespace

std::shared_ptr<Session> make_session(beast::tcp_stream stream, asio::ssl::context* tls, const Answerer& answerer) {
  if (tls == nullptr) return std::make_shared<SessionOver<beast::tcp_stream>>(std::move(stream), answerer);
  using Tls = beast::ssl_stream<beast::tcp_stream>;
  return std::make_shared<SessionOver<Tls>>(Tls(std::move(stream), *tls), answerer);
}

}  // namespace coffer::serve
