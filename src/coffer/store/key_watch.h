// Takes keys back while a coffer is in use: those of a domain that is locked or shredded, those of a key group whose
// root key may not go on protecting, and all of them where that is the coffer's, if the policy wants that to be the
// end. A thread looks twice a second at the stored keyring (one stat) and at what the last look at the root key has
// found.
//
//             the policy says fence (or stop)              the root key is good again, and unlocks the keyring
//     serving ────────────────────────────────▶ fenced ─────────────────────────────────────────────────────▶ serving
#pragma once

#include <map>
#include <mutex>

#include "coffer/base/interval_thread.h"
#include "coffer/store/key_gate.h"
#include "coffer/store/keyring_uses.h"
#include "coffer/store/policy_watch.h"

namespace coffer {

// Thread-safe.
class KeyWatch {
 public:
  // How soon a change of the keyring by another process is seen.
  static constexpr std::chrono::milliseconds kInterval{500};

  KeyWatch(LiveKeyring& keyring, PolicyWatch& policy, KeyringUses& uses)
      : keyring_(keyring), policy_(policy), uses_(uses) {}

  // For an engine: from now on keys are taken back. Tools hold them for as long as they run.
  void start();
  // Of a domain, whose keys may be asked for next.
  KeyLease lease(std::string_view domain, const std::weak_ptr<Coffer>& coffer);

 private:
  // What a gate goes by.
  struct Standing {
    uint64_t locked = 0;
    bool has_living = true;  // keys that are not destroyed
    Id group;                // zero: none
  };
  struct Kept {
    std::shared_ptr<KeyGate> gate;
    Standing standing;  // when the thread looked last
  };

  static Standing standing_of(const Keyring& keyring, const Domain& domain);
  // From now on its root decides on the domain's open files. Whether it is not fenced.
  bool attend_group_of(const Keyring& keyring, const Domain& domain);
  std::chrono::milliseconds look();
  void follow_keyring();
  void follow_root_key();
  void follow_groups();
  void fence(const Status& why);
  void fence_group(const GroupCondition& group, const Status& why);
  void end_fence();

  LiveKeyring& keyring_;
  PolicyWatch& policy_;
  KeyringUses& uses_;
  std::mutex mutex_;
  std::map<std::string, Kept, std::less<>> gates_;
  // Of the thread:
  std::shared_ptr<const Keyring> followed_;
  RootTrouble told_ = RootTrouble::kNone;
  std::map<Id, RootTrouble> told_of_groups_;
  bool fenced_ = false;
  std::chrono::steady_clock::time_point next_attempt_;
  IntervalThread thread_;  // last: it uses the others
};

}  // namespace coffer
