#include "support/allocations.h"

#include <cstdlib>
#include <new>

namespace {

thread_local size_t allocation_count = 0;
thread_local int allocations_left = -1;  // negative: no end
thread_local bool has_failed = false;

}  // namespace

// Replaces the program's operator new, all forms of it: a sanitizer has the others by itself, and minds who frees what.
void* operator new(size_t size) {
  ++allocation_count;
  if (allocations_left == 0) {
    has_failed = true;
    throw std::bad_alloc();
  }
  if (allocations_left > 0) --allocations_left;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
void* operator new[](size_t size) { return operator new(size); }
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  try {
    return operator new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new[](size_t size, const std::nothrow_t& nothrow) noexcept { return operator new(size, nothrow); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete[](void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }

namespace coffer {

size_t AllocationCounter::allocations() { return allocation_count; }

void fail_allocation(int number) {
  has_failed = false;
  allocations_left = number;
}

bool fail_no_allocation() {
  allocations_left = -1;
  return has_failed;
}

}  // namespace coffer
