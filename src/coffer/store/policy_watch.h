// Keeps the keys of a coffer that is in use as young as its policy wants them: a thread that rotates domains when they
// are due. Several programs may have one: whoever is first rotates, and the others see that it is done.
#pragma once

#include <mutex>
#include <string>

#include "coffer/base/interval_thread.h"
#include "coffer/store/surroundings.h"

namespace coffer {

// Thread-safe.
class PolicyWatch {
 public:
  // `keyring` and `config` outlive this.
  PolicyWatch(LiveKeyring& keyring, ConfigFile& config) : keyring_(keyring), config_(config) {}

  // From now on the thread starts when a file is written: who only reads changes no key.
  void enable() { enabled_ = true; }
  // A file is about to be written. Costs next to nothing but the first time.
  void on_writing() {
    if (enabled_) std::call_once(started_, [this] { start(); });
  }

  // Ok, or why what was due at the last look could not be done: coffer.yaml cannot be read or is wrong (the policy that
  // was read last goes on), or the keyring cannot be changed.
  Status condition() const;
  // One line for a log about what was rotated, or went wrong, since `seen`, which then moves up; else "".
  std::string news_since(uint64_t& seen) const;

 private:
  // Changes of coffer.yaml and of the clock are seen as soon.
  static constexpr uint64_t kLookSecondsMax = 60;

  void start();
  std::chrono::milliseconds look();
  Status take_policy();
  Status rotate_due();
  void note(const Status& outcome);
  void tell(std::string news);

  LiveKeyring& keyring_;
  ConfigFile& config_;
  std::atomic<bool> enabled_{false};
  std::once_flag started_;
  Policy policy_;       // of the thread
  bool known_ = false;  // it was read once
  mutable std::mutex mutex_;
  Status condition_;
  std::string news_;
  uint64_t news_count_ = 0;
  IntervalThread thread_;  // last: it uses the others
};

}  // namespace coffer
