// What belongs to one process: a child of fork() has its memory, and must not take what is in it for its own.
#pragma once

#include <atomic>
#include <utility>

#include "coffer/base/secret.h"

namespace coffer {

// A value that every process makes for itself at first use: a lock in its parent's may be held by a thread that the
// child does not have. Never destroyed: others that live until the process ends
// may still use it. Thread-safe, and takes no lock.
template <class T>
class PerProcess {
 public:
  constexpr PerProcess() = default;
  PerProcess(const PerProcess&) = delete;
  PerProcess& operator=(const PerProcess&) = delete;

  T& get() {
    const uint32_t here = process_number();
    Made* made = made_.load(std::memory_order_acquire);
    return made != nullptr && made->process == here ? made->value : make(here, made);
  }

 private:
  struct Made {
    uint32_t process;
    Made* before;  // the parent's, which is not a leak
    T value{};
  };

  [[gnu::noinline]] T& make(uint32_t here, Made* before) {
    auto* made = new Made{here, before};
    if (made_.compare_exchange_strong(before, made, std::memory_order_acq_rel)) return made->value;
    delete made;  // another thread was first
    return before->value;
  }

  std::atomic<Made*> made_{nullptr};
};

// The one T of this process.
template <class T>
T& per_process() {
  static constinit PerProcess<T> state;
  return state.get();
}

// For a base or a member of what holds a key in a form of its own.
class OfOneProcess {
 public:
  OfOneProcess() : process_(process_number()) {}

  bool is_here() const { return process_ == process_number(); }
  // Ok, or kKeyUnavailable in a child of fork().
  Status usable() const { return is_here() ? Status::ok() : stayed_with_parent(); }

  static Status stayed_with_parent();

 private:
  uint32_t process_;
};

}  // namespace coffer
