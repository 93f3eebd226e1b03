// State that belongs to one process: a child that was forked begins with a fresh one. A lock may have been held, at the
// time of the fork, by a thread that the child does not have.
#pragma once

#include <unistd.h>

#include <atomic>

namespace coffer {

// One T for each process. The parent's is left alone in the child: nothing in it can be relied on.
template <class T>
T& per_process() {
  struct Owned {
    const pid_t process = ::getpid();
    T state;
  };
  static std::atomic<Owned*> current = new Owned;
  Owned* found = current.load();
  if (found->process == ::getpid()) return found->state;
  auto* fresh = new Owned;
  if (current.compare_exchange_strong(found, fresh)) return fresh->state;
  delete fresh;
  return found->state;
}

}  // namespace coffer
