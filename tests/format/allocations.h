// Counts the heap allocations of the present thread, to prove that a hot path has none.
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

}  // namespace coffer
