#include "coffer/net/serve/server.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "coffer/base/pipe_signal.h"
#include "coffer/net/serve/connection.h"

namespace coffer::serve {
namespace {

constexpr int kBacklog = 64;
// While this process has no descriptors left, or the system no memory.
constexpr std::chrono::milliseconds kPause{200};

Status not_an_address(const std::string& text) {
  return {Code::kInvalidArgument, "expected an address and a port, such as 127.0.0.1:9464 or [::1]:9464, not " + text};
}

bool is_loopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    return ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> 24 == 127;
  }
  return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
}

Status cannot_listen(int error) {
  const Code code = error == EADDRINUSE ? Code::kBusy : error == EACCES ? Code::kPermissionDenied : Code::kIo;
  return {code, std::string("cannot listen there: ") + std::strerror(error)};
}

Result<Descriptor> open_listener(const ListenAddress& address) {
  Descriptor out(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (!out.is_open() || ::setsockopt(out.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(out.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0 ||
      ::listen(out.get(), kBacklog) != 0) {
    return cannot_listen(errno);
  }
  return out;
}

uint16_t port_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(address).sin_port
                                            : reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
}

}  // namespace

Result<ListenAddress> parse_listen_address(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return not_an_address(text);
  std::string host = text.substr(0, colon);
  const std::string port = text.substr(colon + 1);
  if (host == "localhost") host = "127.0.0.1";
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const bool is_port = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
  if (host.empty() || !is_port || std::stoul(port) > UINT16_MAX) return not_an_address(text);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return not_an_address(text);
  ListenAddress out;
  std::memcpy(&out.storage, found->ai_addr, found->ai_addrlen);
  out.size = found->ai_addrlen;
  ::freeaddrinfo(found);
  out.is_loopback = is_loopback(out.storage);
  return out;
}

Result<std::unique_ptr<Server>> Server::start(const ListenAddress& address, std::shared_ptr<const ServerTls> tls,
                                              Answerer answerer) {
  COFFER_ASSIGN(Descriptor listener, open_listener(address));
  Descriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.is_open()) return cannot_listen(errno);
  return std::unique_ptr<Server>(
      new Server(std::move(listener), std::move(wake), std::move(tls), std::move(answerer)));
}

Server::Server(Descriptor listener, Descriptor wake, std::shared_ptr<const ServerTls> tls, Answerer answerer)
    : listener_(std::move(listener)),
      wake_(std::move(wake)),
      tls_(std::move(tls)),
      answerer_(std::move(answerer)),
      port_(port_of(listener_.get())),
      thread_([this] { serve(); }) {}

Server::~Server() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
  thread_.join();
}

void Server::take_connections() {
  while (true) {
    Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket.is_open()) {
      if (errno == EMFILE || errno == ENFILE) std::this_thread::sleep_for(kPause);
      return;
    }
    SslHandle session = tls_ != nullptr ? tls_->make_session(socket.get()) : nullptr;
    if (tls_ != nullptr && session == nullptr) return;
    // Who has been here longest has had most of the time to ask.
    if (connections_.size() == kConnectionsMax) connections_.pop_front();
    connections_.emplace_back(std::move(socket), std::move(session));
  }
}

void Server::serve() {
  const HeldPipeSignal held;  // OpenSSL writes without MSG_NOSIGNAL
  std::vector<pollfd> waited;
  while (true) {
    waited = {{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    Deadline nearest = deadline_in(std::chrono::hours(1));
    for (const Connection& each : connections_) {
      waited.push_back({each.socket(), each.events(), 0});
      nearest = std::min(nearest, each.deadline());
    }
    if (::poll(waited.data(), waited.size(), static_cast<int>(left_until(nearest).count())) < 0) {
      if (errno != EINTR) std::this_thread::sleep_for(kPause);  // no memory
      continue;
    }
    if (waited[0].revents != 0) return;
    auto ready = waited.begin() + 2;
    for (auto each = connections_.begin(); each != connections_.end(); ++ready) {
      const ErrorQueueGuard guard;
      const bool is_over = left_until(each->deadline()).count() == 0 ||
                           (ready->revents != 0 && !each->advance(answerer_));
      each = is_over ? connections_.erase(each) : std::next(each);
    }
    if (waited[1].revents != 0) take_connections();
  }
}

}  // namespace coffer::serve
