// What this node does about rollouts (keys/rollout.h): whether it is among the nodes that use a new key already, tries
// such keys out, halts a rollout where that fails or another node says that it did, and goes on with one whose time has
// come.
#pragma once

#include <mutex>

#include "coffer/keys/policy.h"
#include "coffer/keys/rollout_outlook.h"

namespace coffer {

// What came of trying the new keys out.
struct RolloutTrial {
  std::vector<std::string> shared;  // the domains of which this node uses the new key
  std::string failed;               // the domain of which it could not
  Status found;                     // and why; ok: nothing failed
};

// Thread-safe.
class RolloutWatch {
 public:
  // `own_name`: of this node, empty where it has none; asked when the keyring has changed.
  RolloutWatch(LiveKeyring& keyring, std::function<std::string()> own_name)
      : keyring_(keyring), own_name_(std::move(own_name)) {}

  // The key of a domain that this node makes files under: the active one, or that of a rollout which has come to it;
  // null if there is none. A node that the keyring does not list is the last to follow.
  const DomainKeyEntry* present_key(const Keyring& keyring, const Domain& domain) const;
  // Opens every new key, and seals a header with it and opens that where this node is to; waits for the roots of key
  // groups.
  RolloutTrial try_out(const Keyring& keyring) const;
  // So that nothing goes on until an operator says so. Ok where it is halted or over already.
  Status halt(const Rollout& rollout, std::string why) const;
  // Halts what nodes say is not well, and with `canary_pause` advances what may go on; says what was done, as lines for
  // a log. Of the nodes the first three of the share do that, and whoever is none: it reads the reports of all nodes.
  Result<std::vector<std::string>> go_on(const Policy& policy) const;

 private:
  bool is_mine(const Keyring& keyring, const Rollout& rollout) const;
  struct Own {
    uint64_t version = 0;  // of the keyring that this is of
    std::string name;
    std::vector<Id> used;  // new keys
  };
  std::shared_ptr<const Own> own_in(const Keyring& keyring) const;

  LiveKeyring& keyring_;
  const std::function<std::string()> own_name_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Own> own_;  // of the keyring that was asked for last
};

// The step of `go_on()` for one rollout, by an operator too. `anyway`: although nodes have not said that they are well.
// Says which share it has now, or that it is over. kBusy: it has to wait, and for what; kKeyUnavailable: it is halted,
// perhaps just now; kConflict: somebody else has advanced it.
Result<std::string> advance_rollout(LiveKeyring& live, const Rollout& rollout, bool anyway);

}  // namespace coffer
