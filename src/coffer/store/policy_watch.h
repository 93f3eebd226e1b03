// Carries out the policy of a coffer that is in use: a thread rotates domains when they are due and goes on with
// rollouts, and no file is made where the root key may not go on protecting. Several programs may have one: whoever is
// first rotates, and the others see that it is done.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "coffer/base/interval_thread.h"
#include "coffer/store/file_counts.h"
#include "coffer/store/key_usage.h"
#include "coffer/store/rollout_watch.h"
#include "coffer/store/surroundings.h"

namespace coffer {

// Rotates what is due, and says what that was: nothing where somebody else was faster.
Result<std::vector<DueAction>> rotate_due(LiveKeyring& keyring, const Policy& policy, const CountsByKey& counts);

// Thread-safe.
class PolicyWatch {
 public:
  // What it is made of outlives this. `policy`: as `config` had it at opening.
  PolicyWatch(LiveKeyring& keyring, ConfigFile& config, KeyUsage& usage, FileCounts& file_counts,
              const RolloutWatch& rollouts, Policy policy)
      : keyring_(keyring),
        config_(config),
        usage_(usage),
        file_counts_(file_counts),
        rollouts_(rollouts),
        policy_(std::make_shared<const Policy>(std::move(policy))) {}

  // For an engine. From now on the thread starts when a file is made: who only reads changes no key.
  void enable();
  // A file is about to be made: ok, or why not. Ok where this is not enabled.
  Status on_writing();
  // The same of a key group that a file is to be in: by its root.
  Status on_writing_in(const std::optional<GroupCondition>& group) const;
  bool is_enabled() const { return enabled_; }
  // As it was read last.
  std::shared_ptr<const Policy> present() const;
  // News of others that carry the policy out, for news_since().
  void tell(std::string news);

  // Ok, or why what was due at the last look could not be done: coffer.yaml cannot be read or is wrong (the policy that
  // was read last goes on), what was counted cannot be read or kept, or the keyring cannot be changed.
  Status condition() const;
  // One line for a log about what was rotated, or went wrong, since `seen`, which then moves up; else "".
  std::string news_since(uint64_t& seen) const;

 private:
  // Changes of coffer.yaml and of the clock are seen as soon.
  static constexpr uint64_t kLookSecondsMax = 60;
  // Where what it finds has consequences.
  static constexpr std::chrono::seconds kRootLookInterval{30};

  void start();
  std::chrono::milliseconds look();
  Status take_policy();
  void heed(const RootPolicy& policy);
  Status count();
  Status rotate();
  Status roll_out();
  void note(const Status& outcome);

  LiveKeyring& keyring_;
  ConfigFile& config_;
  KeyUsage& usage_;
  FileCounts& file_counts_;
  const RolloutWatch& rollouts_;
  std::atomic<bool> enabled_{false};
  std::once_flag started_;
  CountsByKey counts_;  // of the thread, at the last look; empty: there was none, or it failed
  mutable std::mutex mutex_;
  std::shared_ptr<const Policy> policy_;
  Status condition_;
  std::string news_;
  uint64_t news_count_ = 0;
  IntervalThread thread_;  // last: it uses the others
};

}  // namespace coffer
