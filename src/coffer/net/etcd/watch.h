// A look at one key of etcd's that costs nothing: a thread has a watch on it, and looks for itself every few seconds,
// since a watch that hears nothing may be one that nobody keeps any more.
#pragma once

#include "coffer/base/interval_thread.h"
#include "coffer/net/etcd/client.h"

namespace coffer::etcd {

// Thread-safe. `client` outlives it.
class Watch {
 public:
  Watch(Client& client, std::string key) : client_(client), key_(std::move(key)) {}
  // A watch that is on ends at once; a look that waits for etcd is waited for.
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // The key was just read, at this revision of all that etcd holds: what comes after that is to be noticed.
  void loaded(uint64_t revision, uint64_t mod_revision);
  // Whether it may have changed since. Also where etcd does not answer: who then reads it finds out why. Begins the
  // watch. In a child of fork(): true.
  bool may_have_changed();

 private:
  enum class State { kBeginning, kWatching, kAway };

  http::milliseconds turn();
  // Until it ends, for whatever reason. Whether it was one that could go on.
  bool listen();
  bool take(ByteView piece);
  void take_line(ByteView line);
  Status look();

  Client& client_;
  const std::string key_;

  std::mutex mutex_;  // guards what follows
  State state_ = State::kBeginning;
  bool is_started_ = false;
  uint64_t loaded_revision_ = 0;
  uint64_t loaded_mod_revision_ = 0;
  uint64_t event_revision_ = 0;  // of the latest change that was heard of
  bool differs_ = false;         // a look found another than was loaded

  // Of the thread:
  std::string line_;
  size_t taken_ = 0;
  bool begun_ = false;
  bool wrong_ = false;
  int failures_ = 0;

  http::Stream stream_;
  IntervalThread thread_;  // last: it uses the others
};

}  // namespace coffer::etcd
