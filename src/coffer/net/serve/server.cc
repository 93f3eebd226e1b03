#include "coffer/net/serve/server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <list>

#include "coffer/crypto/openssl_handles.h"
#include "coffer/net/serve/session.h"

namespace coffer::serve {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// While this process has no descriptors left, or the system no memory.
constexpr std::chrono::milliseconds kPause{200};

Status not_an_address(const std::string& text) {
  return {Code::kInvalidArgument, "expected an address and a port, such as 127.0.0.1:9464 or [::1]:9464, not " + text};
}

Status cannot_listen(const error_code& error) {
  const Code code = error == asio::error::address_in_use  ? Code::kBusy
                    : error == asio::error::access_denied ? Code::kPermissionDenied
                                                          : Code::kIo;
  return {code, "cannot listen there: " + error.message()};
}

}  // namespace

Result<ListenAddress> parse_listen_address(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return not_an_address(text);
  ListenAddress out{.host = text.substr(0, colon)};
  const char *const port = text.data() + colon + 1, *const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(port, end, out.port);
  if (error != std::errc() || rest != end) return not_an_address(text);
  const bool is_bracketed = out.host.size() > 2 && out.host.front() == '[' && out.host.back() == ']';
  if (is_bracketed) out.host = out.host.substr(1, out.host.size() - 2);
  if (out.host == "localhost") out.host = "127.0.0.1";
  error_code wrong;
  const auto address = asio::ip::make_address(out.host, wrong);
  if (wrong || address.is_v6() != is_bracketed) return not_an_address(text);
  out.is_loopback = address.is_loopback();
  return out;
}

class Server::Loop {
 public:
  Loop(std::shared_ptr<ServerTls> tls, Answerer answerer) : tls_(std::move(tls)), answerer_(std::move(answerer)) {}

  Status listen(const ListenAddress& address) {
    error_code error;
    const tcp::endpoint endpoint(asio::ip::make_address(address.host), address.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(static_cast<int>(kConnectionsMax), error);
    if (error) return cannot_listen(error);
    take_next();
    return Status::ok();
  }
  uint16_t port() const { return acceptor_.local_endpoint().port(); }

  void run() {
    const ErrorQueueGuard guard;
    context_.run();
  }
  void stop() { context_.stop(); }

 private:
  void take_next() {
    acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
      if (error) {
        pause_.expires_after(kPause);
        pause_.async_wait([this](const error_code&) { take_next(); });
        return;
      }
      take(boost::beast::tcp_stream(std::move(socket)));
      take_next();
    });
  }

  void take(boost::beast::tcp_stream stream) {
    sessions_.remove_if([](const std::weak_ptr<Session>& each) { return each.expired(); });
    // Who has been here longest has had most of the time to ask.
    if (sessions_.size() == kConnectionsMax) {
      if (const auto oldest = sessions_.front().lock()) oldest->close();
      sessions_.pop_front();
    }
    const auto tls = tls_ != nullptr ? tls_->context() : nullptr;
    const auto session = make_session(std::move(stream), tls.get(), answerer_);
    sessions_.push_back(session);
    session->begin();
  }

  const std::shared_ptr<ServerTls> tls_;
  const Answerer answerer_;
  std::list<std::weak_ptr<Session>> sessions_;  // oldest first
  asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  asio::steady_timer pause_{context_};
};

Result<std::unique_ptr<Server>> Server::start(const ListenAddress& address, std::shared_ptr<ServerTls> tls,
                                              Answerer answerer) {
  auto loop = std::make_unique<Loop>(std::move(tls), std::move(answerer));
  COFFER_TRY(loop->listen(address));
  return std::unique_ptr<Server>(new Server(std::move(loop)));
}

Server::Server(std::unique_ptr<Loop> loop)
    : loop_(std::move(loop)), port_(loop_->port()), thread_([this] { loop_->run(); }) {}

Server::~Server() {
  loop_->stop();
  thread_.join();
}

}  // namespace coffer::serve
