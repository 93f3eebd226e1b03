// LiveKeyring without its keys, while the root key may not go on protecting and the operator wants that to be the end.
#include <utility>

#include "coffer/keys/live_keyring.h"

namespace coffer {

Status LiveKeyring::check_fence() const { return fenced_; }

void LiveKeyring::fence(const Status& why) {
  if (!here_.is_here()) return;
  std::lock_guard turn(turn_);
  fenced_ = why;
  // What is known of the keyring besides goes on being known: which one comes next, and which slots to open it by.
  in_use_.keyring = std::make_shared<const Keyring>(in_use_.keyring->without_keys());
  in_use_.key = {};
  keep_shards_of(nullptr);
  std::shared_ptr<const Keyring> before;  // dies when the lock is free again
  std::lock_guard lock(mutex_);
  before = std::exchange(keyring_, in_use_.keyring);
  condition_.fenced = why;
  ++condition_.change_count;
  // Whoever looks for a key now finds a keyring without any, and opens no group.
  groups_->forget_keys();
}

Status LiveKeyring::end_fence() {
  COFFER_TRY(here_.usable());
  std::lock_guard turn(turn_);
  if (fenced_.is_ok()) return Status::ok();
  const Status why = std::exchange(fenced_, Status::ok());
  const Status unlocked = reload(Unlocking::kNow).status();
  if (!unlocked.is_ok()) {
    fenced_ = why;
    return unlocked;
  }
  std::lock_guard lock(mutex_);
  condition_.fenced = Status::ok();
  ++condition_.change_count;
  return Status::ok();
}

}  // namespace coffer
