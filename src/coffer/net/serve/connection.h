// One client of a server: its question, and what it gets for it. Never waits.
#pragma once

#include <functional>
#include <string>

#include "coffer/base/deadline.h"
#include "coffer/base/secret.h"
#include "coffer/net/serve/server.h"

namespace coffer::serve {

class Connection {
 public:
  // `session`: null in clear.
  Connection(Descriptor socket, SslHandle session);

  int socket() const { return socket_.get(); }
  // What poll() is to wait for.
  short events() const { return events_; }
  Deadline deadline() const { return deadline_; }
  // Goes on as far as it can. False: it is over.
  bool advance(const Answerer& answerer);

 private:
  enum class State { kReading, kWriting, kEnding };
  enum class Moved { kSome, kWaits, kEnded };

  bool read_question(const Answerer& answerer);
  bool write_answer();
  bool await_end();
  void begin_answer(const Answer& answer, bool head_only);
  Moved receive(MutableBytes into, size_t& size);
  Moved send(std::string_view from, size_t& size);
  Moved moved(int result, size_t& size);

  Descriptor socket_;
  SslHandle session_;
  State state_ = State::kReading;
  short events_;
  Deadline deadline_ = deadline_in(kRequestTime);
  SecretBytes received_{kRequestSizeMax};  // it may have a token in it
  size_t received_size_ = 0;
  std::string head_;
  std::shared_ptr<const std::string> body_;
  size_t sent_ = 0;  // of both
};

}  // namespace coffer::serve
