#include "coffer/net/kmip/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

namespace coffer::kmip {
namespace {

constexpr size_t kAddressesMax = 16;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};
using Addresses = std::vector<SocketAddress>;

Result<Addresses> look_up(const std::string& name, uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(name.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    return {Code::kProviderUnavailable, std::string("its name cannot be resolved: ") + gai_strerror(error)};
  }
  Addresses out;
  for (const addrinfo* at = found; at != nullptr && out.size() < kAddressesMax; at = at->ai_next) {
    SocketAddress address;
    if (at->ai_addrlen > sizeof address.storage) continue;
    std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
    address.size = at->ai_addrlen;
    out.push_back(address);
  }
  freeaddrinfo(found);
  if (out.empty()) return {Code::kProviderUnavailable, "its name has no address"};
  return out;
}

// The system's resolver knows no time limit, and cannot be stopped.
Result<Addresses> resolve(const std::string& name, uint16_t port, Deadline deadline) {
  auto numeric = look_up(name, port, AI_NUMERICHOST);
  if (numeric) return numeric;
  return within<Addresses>(left_until(deadline), "the resolver of its name",
                           [name, port] { return look_up(name, port, AI_ADDRCONFIG); });
}

Status refused(int error) {
  switch (error) {
    case ECONNREFUSED: return {Code::kProviderUnavailable, "connection refused: nothing listens there"};
    case ETIMEDOUT: return {Code::kProviderUnavailable, "timed out while connecting"};
    default: return {Code::kProviderUnavailable, std::string("cannot connect: ") + std::strerror(error)};
  }
}

Result<BioHandle> connect_socket(const SocketAddress& address, Deadline deadline) {
  const int socket = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return refused(errno);
  BioHandle out(BIO_new_socket(socket, BIO_CLOSE));
  if (out == nullptr) {
    close(socket);
    return refused(ENOMEM);
  }
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(socket, reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0) return out;
  if (errno != EINPROGRESS) return refused(errno);
  COFFER_TRY(wait_until(socket, Readiness::kWritable, deadline).with_context("connecting"));
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return refused(error);
  return out;
}

}  // namespace

Status wait_until(int socket, Readiness readiness, Deadline deadline) {
  while (true) {
    pollfd wanted{socket, static_cast<short>(readiness == Readiness::kReadable ? POLLIN : POLLOUT), 0};
    const int ready = poll(&wanted, 1, static_cast<int>(std::min<int64_t>(left_until(deadline).count(), INT_MAX)));
    if (ready < 0 && errno != EINTR) return {Code::kIo, "poll failed"};
    if (ready > 0) return Status::ok();
    if (ready == 0 && left_until(deadline).count() == 0) return {Code::kProviderUnavailable, "timed out"};
  }
}

// Each address gets its share of the time, so that a silent first one leaves some for the others.
Result<BioHandle> connect_host(const HostAddress& host, Deadline deadline) {
  COFFER_ASSIGN(const Addresses addresses, resolve(host.name, host.port, deadline));
  Status latest;
  for (size_t i = 0; i < addresses.size(); ++i) {
    const Deadline share = deadline_in(left_until(deadline) / static_cast<int64_t>(addresses.size() - i));
    auto socket = connect_socket(addresses[i], share);
    if (socket) return socket;
    latest = socket.status();
  }
  return latest;
}

}  // namespace coffer::kmip
