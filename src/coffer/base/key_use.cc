#include "coffer/base/key_use.h"

#include <thread>

#include "coffer/base/per_process.h"

namespace coffer {
namespace {

// A line of its own: a thread writes to no memory that another one writes to.
struct alignas(64) ThreadPlace {
  KeyUse::Count count;
  std::atomic<uint32_t> process{0};  // whose thread has it; 0: nobody's. In a child of fork() its parent's are nobody's
  ThreadPlace* next = nullptr;
};

// Only ever grows, up to as many as there were threads at once.
std::atomic<ThreadPlace*> thread_places{nullptr};

ThreadPlace* take_thread_place() {
  const uint32_t here = process_number();
  for (ThreadPlace* place = thread_places.load(std::memory_order_acquire); place != nullptr; place = place->next) {
    uint32_t nobody = 0;
    if (place->process.compare_exchange_strong(nobody, here)) return place;
  }
  auto* place = new ThreadPlace;
  place->process.store(here);
  place->next = thread_places.load(std::memory_order_relaxed);
  while (!thread_places.compare_exchange_weak(place->next, place)) {
  }
  return place;
}

thread_local constinit ThreadPlace* my_place = nullptr;

// Gives the place back when the thread ends.
struct PlaceReturner {
  ~PlaceReturner() {
    uint32_t here = process_number();
    if (my_place != nullptr) my_place->process.compare_exchange_strong(here, 0);
    my_place = nullptr;
  }
};

[[gnu::noinline]] ThreadPlace& first_use() {
  thread_local PlaceReturner returner;
  (void)returner;
  my_place = take_thread_place();
  return *my_place;
}

ThreadPlace& place_of_this_thread() {
  ThreadPlace* place = my_place;
  const bool known = place != nullptr && place->process.load(std::memory_order_relaxed) == process_number();
  return known ? *place : first_use();
}

// Of what takes microseconds.
constexpr int kSpins = 100;

void wait_for_next(const std::atomic<uint64_t>& count, uint64_t seen) {
  for (int spins = 0; count.load(std::memory_order_acquire) == seen; ++spins) {
    if (spins < kSpins) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }
}

}  // namespace

KeyUse::KeyUse() {
  Count& count = place_of_this_thread().count;
  const uint64_t value = count.value.load(std::memory_order_relaxed);
  if (value % 2 != 0) return;
  count.value.store(value + 1, std::memory_order_seq_cst);
  inside_ = &count;
}

void wait_for_key_uses() {
  const uint32_t here = process_number();
  for (ThreadPlace* place = thread_places.load(); place != nullptr; place = place->next) {
    if (place->process.load() != here) continue;
    const uint64_t seen = place->count.value.load(std::memory_order_seq_cst);
    if (seen % 2 != 0) wait_for_next(place->count.value, seen);
  }
}

}  // namespace coffer
