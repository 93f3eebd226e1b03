// Has this node say, beside the keyring, which keyring its programs use: at the beginning, and when that changes, at
// most once a minute. Not again and again: etcd keeps all of it until the keyring is saved next. Signed by the node;
// nothing is said by one that is not of the coffer. Thread-safe.
#pragma once

#include "coffer/base/interval_thread.h"
#include "coffer/keys/live_keyring.h"
#include "coffer/keys/node_report.h"

namespace coffer {

class NodeReporter {
 public:
  static constexpr std::chrono::milliseconds kInterval = std::chrono::minutes(1);
  using OpenIdentity = std::function<Result<NodeIdentity>()>;

  // `open` may wait for a provider.
  NodeReporter(LiveKeyring& keyring, OpenIdentity open, std::chrono::milliseconds interval)
      : keyring_(keyring), open_(std::move(open)), interval_(interval) {}

  // From now on, by a thread of its own.
  void start();

 private:
  Status report();
  NodeReport present() const;

  LiveKeyring& keyring_;
  const OpenIdentity open_;
  const std::chrono::milliseconds interval_;
  // Of the thread:
  std::optional<NodeIdentity> identity_;
  std::optional<NodeReport> reported_;
  IntervalThread thread_;  // last: it uses the others
};

}  // namespace coffer
