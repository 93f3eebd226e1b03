// The key groups of a keyring in use. Each is opened by its own root when a key of it is first needed, so a process
// that needs none of them asks nobody; what fails is one group and no other. docs/adr/0035.
//
//             a key is needed, and its root unwraps              fence(), or another group key
//     closed ────────────────────────────────────────▶ open ───────────────────────────────────▶ closed, wiped
//        └─ its root does not: the error is kept for a few seconds, and said to all who ask meanwhile
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>

#include "coffer/base/interval_thread.h"
#include "coffer/keys/slot.h"

namespace coffer {

// What operators are told of a group that was asked for.
struct GroupCondition {
  Id id;
  std::string name;
  std::string root;  // that opened it, or its first
  bool is_open = false;
  // Ok, or why its root key may not go on protecting, or does not open it: at the last look.
  Status root_key;
  uint64_t root_key_since = 0;  // Unix seconds of the first look that found something of that kind; 0: all is well
  Status fenced;                // Ok, or why it is kept closed: LiveGroups::fence()
};

// Thread-safe. No lock is held while a provider is asked but that of the one group.
class LiveGroups final : public GroupKeys {
 public:
  LiveGroups(RootOpener open_root, std::chrono::milliseconds retry_delay)
      : open_root_(std::move(open_root)), retry_delay_(retry_delay) {}

  // kKeyUnavailable, kProviderUnavailable and what else roots fail with, naming group and root; kTampered: the slot
  // wraps another key than the group's. In a child of fork() kKeyUnavailable.
  Result<GroupKey> key_of(const KeyGroup& group) override;
  // Reaches the roots that are configured for this group, and no others.
  RootOpener opener_for(const KeyGroup& group) const { return only_of_group(open_root_, group.name); }
  // Takes a group key for known that was just made, or unwrapped by other means.
  Status learn(const KeyGroup& group, const GroupKey& key);

  // Of the groups that were asked for in this process.
  std::vector<GroupCondition> conditions() const;

  // Of this one; nothing where nobody has asked for it.
  std::optional<GroupCondition> condition_of(const Id& group_id) const;

  // From the first use of a group on, and until this object goes, a thread of its own looks at the roots of the
  // groups that are open, or fenced, each as often as its provider advises.
  void watch();
  // Looks at least so often, whatever providers advise, for good.
  void look_at_least_every(std::chrono::milliseconds interval);

  // Looks at its root from now on, whether its key was asked for here or not: a domain came into it whose files are
  // open.
  void attend(const KeyGroup& group);
  // What the keyring has now: those that it has not any more are forgotten. One that was renewed is opened anew, and
  // what was found of the root that it had is forgotten. Fences stay.
  void follow(const std::vector<KeyGroup>& groups);

  // Wipes the group's key, and lets nobody open it, but looks at its root go on.
  void fence(const Id& group_id, const Status& why);
  void end_fence(const Id& group_id);
  // Wipes the keys of all groups. Each is opened again by who needs it.
  void forget_keys();

 private:
  using Clock = std::chrono::steady_clock;
  struct Standing {
    std::mutex asking;  // held by the one who asks its provider
    // Under mutex_:
    KeyGroup group;  // as it was asked for last
    Id followed;     // the group's key in the keyring in use; zero: not known yet
    bool is_attended = false;
    std::string opened_by;
    RestingKey<GroupRole> key;
    Status refusal;  // why it did not open, at `refused_at`
    Clock::time_point refused_at;
    Status root_key;
    uint64_t root_key_since = 0;
    Status fenced;
    Clock::time_point looked_at;
    std::chrono::milliseconds interval{};  // as its provider advises
  };
  struct Opened {
    GroupKey key;
    std::string root;
  };

  std::shared_ptr<Standing> standing_of(const KeyGroup& group);
  std::optional<Result<GroupKey>> known(Standing& standing, const KeyGroup& group) const;
  Result<Opened> ask(const KeyGroup& group) const;
  Result<GroupKey> take(Standing& standing, const KeyGroup& group, Result<Opened> opened);
  void note_root_key(Standing& standing, const Status& found) const;
  static bool matters(const Standing& standing);  // its root is looked at
  static GroupCondition condition(const Id& id, const Standing& standing);
  std::chrono::milliseconds look();
  void look_at(Standing& standing);
  void watch_if_wanted();  // REQUIRES: mutex_ is held

  const RootOpener open_root_;
  const std::chrono::milliseconds retry_delay_;
  const OfOneProcess here_;
  mutable std::mutex mutex_;  // held for an instant only
  std::map<Id, std::shared_ptr<Standing>> standings_;
  std::chrono::milliseconds interval_max_ = std::chrono::minutes(5);
  bool is_watched_ = false;
  IntervalThread watcher_;  // last: it uses the others
};

// "key group NAME is closed: …": what its files fail with.
Status group_is_closed(const KeyGroup& group, const Status& why);

}  // namespace coffer
