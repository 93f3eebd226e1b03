#include "coffer/base/change_gate.h"

namespace coffer {

void ChangeGate::enter() {
  while (!try_enter()) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return (state_ & kClosed) == 0; });
  }
}

bool ChangeGate::try_enter() {
  if ((state_.fetch_add(1) & kClosed) == 0) return true;
  leave();
  return false;
}

void ChangeGate::leave() {
  if (state_.fetch_sub(1) != (kClosed | 1)) return;
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

bool ChangeGate::close(Deadline deadline) {
  uint32_t state = state_.fetch_or(kClosed) | kClosed;
  {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, deadline, [&] {
      state = state_;
      return state == kClosed || (state & kClosed) == 0;
    });
  }
  if (state == kClosed) return true;
  open();
  return false;
}

void ChangeGate::open() {
  const std::lock_guard lock(mutex_);
  state_.fetch_and(~kClosed);
  changed_.notify_all();
}

}  // namespace coffer
