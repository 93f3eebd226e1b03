#include "coffer/files/scratch.h"

#include <cstdlib>
#include <new>
#include <utility>

namespace coffer {
namespace {

// A thread that once read more than this gives the memory back: RocksDB's own read-ahead asks for at most 2 MiB.
constexpr size_t kKeptSizeMax = size_t{4} << 20;
constexpr size_t kGranularity = size_t{64} << 10;

uint8_t* allocate(size_t size) {
  void* memory = std::aligned_alloc(Scratch::kAlignment, size);
  if (memory == nullptr) throw std::bad_alloc();
  return static_cast<uint8_t*>(memory);
}

size_t rounded(size_t size) { return (size + kGranularity - 1) / kGranularity * kGranularity; }

// Trivial, so that it may be used by what still runs when the thread's objects are gone: destructors of static objects.
struct Kept {
  uint8_t* data;
  size_t size;
  bool lent;
};
thread_local constinit Kept kept{};

struct FreesKept {
  ~FreesKept() { std::free(std::exchange(kept, Kept{}).data); }
};

}  // namespace

Scratch::Scratch(size_t size) : size_(size), borrowed_(!kept.lent && size <= kKeptSizeMax) {
  if (!borrowed_) {
    data_ = allocate(rounded(size + 1));
    return;
  }
  if (kept.data == nullptr || kept.size < size) {
    thread_local const FreesKept at_its_end;
    static_cast<void>(&at_its_end);
    std::free(std::exchange(kept.data, nullptr));
    kept.size = rounded(size + 1);
    kept.data = allocate(kept.size);
  }
  kept.lent = true;
  data_ = kept.data;
}

Scratch::~Scratch() {
  if (borrowed_) {
    kept.lent = false;
  } else {
    std::free(data_);
  }
}

}  // namespace coffer
