// The heap allocations of the present thread: counted, to prove that a hot path has none, and failing at a place of the
// test's choice.
#pragma once

#include <cstddef>

namespace coffer {

class AllocationCounter {
 public:
  AllocationCounter() : before_(allocations()) {}
  size_t count() const { return allocations() - before_; }

 private:
  static size_t allocations();
  size_t before_;
};

// From now on this thread's `number`th allocation by operator new fails, counted from 0, and all after it.
void fail_allocation(int number);
// No more. Whether one failed.
bool fail_no_allocation();

}  // namespace coffer
