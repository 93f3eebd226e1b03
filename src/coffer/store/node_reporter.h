// Has this node say, beside the keyring, which keyring its programs use: at the beginning, when that changes, at most
// once a minute, and when the last of them ends. Not again and again: etcd keeps all of it until the keyring is saved
// next. Signed by the node; nothing is said by one that is not of the coffer. While a rotation comes to some nodes
// first others wait for what it says: then it says it at once, has tried the new key out before, and halts what fails.
// Thread-safe.
#pragma once

#include "coffer/base/interval_thread.h"
#include "coffer/keys/live_keyring.h"
#include "coffer/keys/node_report.h"
#include "coffer/store/rollout_watch.h"
#include "coffer/store/serving_mark.h"

namespace coffer {

class NodeReporter {
 public:
  static constexpr std::chrono::milliseconds kInterval = std::chrono::minutes(1);
  using OpenIdentity = std::function<Result<NodeIdentity>()>;

  // `open` may wait for a provider. `mark`: in the coffer's directory.
  NodeReporter(LiveKeyring& keyring, const RolloutWatch& rollouts, OpenIdentity open, ServingMark mark,
               std::chrono::milliseconds interval)
      : keyring_(keyring),
        rollouts_(rollouts),
        open_(std::move(open)),
        interval_(interval),
        mark_(std::move(mark)) {}
  // Says that this node's programs have ended, where this one was the last, has reported, and its keyring's place did
  // answer the last time: nobody waits at the end of a program for one that does not.
  ~NodeReporter();

  // From now on, by a thread of its own.
  void start();

 private:
  using ReporterClock = std::chrono::steady_clock;
  // How soon it sees that there is something to be said.
  static constexpr std::chrono::milliseconds kLookInterval = std::chrono::seconds(1);

  Status report();
  Status say(const NodeReport& report);
  NodeReport present(const RolloutTrial& trial) const;
  RolloutTrial try_out(const Keyring& keyring);
  Status halt_what_fails(const Keyring& keyring, const RolloutTrial& trial, const NodeReport& said) const;

  LiveKeyring& keyring_;
  const RolloutWatch& rollouts_;
  const OpenIdentity open_;
  const std::chrono::milliseconds interval_;
  // Of the thread:
  std::optional<NodeIdentity> identity_;
  std::optional<NodeReport> reported_;
  std::optional<ReporterClock::time_point> looked_;
  uint64_t tried_out_ = 0;  // the version of the keyring whose new keys were found well
  RolloutTrial well_;       // what came of that
  ServingMark mark_;
  IntervalThread thread_;  // last: it uses the others
};

}  // namespace coffer
