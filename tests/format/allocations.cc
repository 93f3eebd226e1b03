#include "format/allocations.h"

#include <cstdlib>
#include <new>

namespace {
thread_local size_t allocation_count = 0;
}

// Replaces the program's operator new; the other forms end up here.
void* operator new(size_t size) {
  ++allocation_count;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
void* operator new[](size_t size) { return operator new(size); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete[](void* p, size_t) noexcept { std::free(p); }

namespace coffer {
size_t AllocationCounter::allocations() { return allocation_count; }
}  // namespace coffer
