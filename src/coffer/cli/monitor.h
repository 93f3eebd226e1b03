// What `coffer agent --listen` serves: a page, metrics and JSON about its coffer. Numbers are made by a clock of its
// own: a client's question reads what is there, and never makes a provider or a disk work. docs/monitoring.md.
#pragma once

#include <mutex>

#include "coffer/base/interval_thread.h"
#include "coffer/cli/command.h"
#include "coffer/net/serve/server.h"
#include "coffer/ops/overview.h"

namespace coffer::cli {

// --listen and what goes with it.
std::vector<Flag> monitor_flags();

class Monitor {
 public:
  // Listens. Null without --listen. kInvalidArgument: an address that others reach, without what keeps strangers out.
  static Result<std::unique_ptr<Monitor>> start_if_asked(const Arguments& arguments);
  ~Monitor();

  // "http://127.0.0.1:9464/", for people.
  std::string where() const;

  // The coffer does not open, and whoever holds this goes on trying.
  void tell_closed(const Status& why);
  // Looks at it from now on, and at its root key every minute; at both at least every `interval`. Once.
  void watch(std::shared_ptr<Coffer> coffer, std::chrono::milliseconds interval);
  void tell_policy(const PolicyLook& look);

 private:
  using Shared = std::shared_ptr<const Overview>;
  struct Access {
    bool is_loopback = false;
    SecretBytes token;  // empty: none is asked for
    std::string page_policy;
  };

  Monitor(std::string place, Access access);
  std::chrono::milliseconds look();
  void publish(Overview overview);
  Shared current() const;
  serve::Answer answer(const serve::Request& request);
  serve::Answer answer_page(const Shared& overview);
  bool is_allowed(const serve::Request& request) const;

  const Access access_;
  std::shared_ptr<Coffer> coffer_;
  std::chrono::milliseconds interval_{};
  Examined examined_;
  mutable std::mutex mutex_;
  Shared overview_;
  PolicyLook policy_;
  // Of the server's thread: what it made last, and of what.
  Shared page_of_;
  uint64_t page_at_ = 0;
  std::shared_ptr<const std::string> page_;
  std::shared_ptr<serve::ServerTls> tls_;  // null: in clear
  std::string listens_at_;
  std::unique_ptr<serve::Server> server_;
  IntervalThread clock_;  // the last member: it ends first
};

}  // namespace coffer::cli
