// A server of small documents that are ready when they are asked for: HTTP/1 by Boost.Beast, with or without TLS, GET
// and HEAD only, one question for each connection. One thread serves all connections and waits for none of them: who is
// slow, or many, has a limit of time and then makes room. docs/adr/0048.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "coffer/base/status.h"
#include "coffer/net/serve/request.h"
#include "coffer/net/serve/server_tls.h"

namespace coffer::serve {

inline constexpr size_t kConnectionsMax = 64;
inline constexpr size_t kRequestSizeMax = 8192;
inline constexpr size_t kRequestHeadersMax = 64;
inline constexpr std::chrono::seconds kRequestTime{5};  // until a question is complete, from the first byte of TLS on
inline constexpr std::chrono::seconds kAnswerTime{20};  // until it is taken

// Where to listen: a number, as whether a name means this machine others decide.
struct ListenAddress {
  std::string host;
  uint16_t port = 0;
  bool is_loopback = false;
};
// "127.0.0.1:9464", "[::1]:9464", "localhost:9464"; port 0 is any that is free. kInvalidArgument.
Result<ListenAddress> parse_listen_address(const std::string& text);

struct Answer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;  // besides those of every answer
  std::shared_ptr<const std::string> body;
};
// Called by the server's thread: what takes long keeps everybody waiting.
using Answerer = std::function<Answer(const Request&)>;

class Server {
 public:
  // Without `tls`: in clear. kIo, kPermissionDenied; kBusy: somebody else listens there.
  static Result<std::unique_ptr<Server>> start(const ListenAddress& address, std::shared_ptr<ServerTls> tls,
                                               Answerer answerer);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const { return port_; }

 private:
  class Loop;
  explicit Server(std::unique_ptr<Loop> loop);

  const std::unique_ptr<Loop> loop_;
  const uint16_t port_;
  std::thread thread_;
};

}  // namespace coffer::serve
