// Host names to socket addresses, within a deadline: getaddrinfo() itself knows none.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "coffer/net/kmip/waiting.h"

namespace coffer::kmip {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// In the order of preference, at least one. kProviderUnavailable: unknown name, timed out, interrupted, or too many
// resolutions that have not come back yet.
Result<std::vector<SocketAddress>> resolve(const std::string& name, uint16_t port, Deadline deadline,
                                           const Interrupt& interrupt);

}  // namespace coffer::kmip
