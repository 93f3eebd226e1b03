// One client of a server: its question, and what it gets for it. Never waits.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <memory>

#include "coffer/net/serve/server.h"

namespace coffer::serve {

class Session {
 public:
  virtual ~Session() = default;
  // Goes on by itself, and lives as long as that takes.
  virtual void begin() = 0;
  // At once.
  virtual void close() = 0;
};

// `tls`: null in clear. Both outlive the session, but for `tls` past its beginning.
std::shared_ptr<Session> make_session(boost::beast::tcp_stream stream, boost::asio::ssl::context* tls,
                                      const Answerer& answerer);

}  // namespace coffer::serve
