#include "coffer/base/scratch.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>
#include <utility>

#include "coffer/base/secret.h"

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

}  // namespace

// A line of its own: a thread writes to no memory that another one writes to.
struct alignas(64) Scratch::Kept {
  // Of what a thread keeps. Who sets kLent or kWiping has the memory to himself.
  //
  //     clean ──────▶ lent ──────▶ used      by its thread
  //                   lent ──────▶ asked     by who wipes; its thread makes it clean at the end
  //     used ──────▶ wiping ─────▶ clean     by who wipes
  enum class Hold : uint32_t { kClean, kUsed, kLent, kAsked, kWiping };

  std::atomic<Hold> hold{Hold::kClean};
  uint8_t* data = nullptr;
  size_t size = 0;
  std::atomic<bool> is_taken{true};  // by a thread
  Kept* next = nullptr;

  bool may_lend() {
    Hold now = hold.load(std::memory_order_relaxed);
    return (now == Hold::kClean || now == Hold::kUsed) &&
           hold.compare_exchange_strong(now, Hold::kLent, std::memory_order_acquire, std::memory_order_relaxed);
  }
  void end_lending() {
    Hold now = Hold::kLent;
    if (hold.compare_exchange_strong(now, Hold::kUsed, std::memory_order_release, std::memory_order_relaxed)) return;
    wipe(data, size);
    hold.store(Hold::kClean, std::memory_order_release);
  }
  void free_memory() {
    wipe(data, size);
    std::free(std::exchange(data, nullptr));
    size = 0;
  }
};

namespace {

using Kept = Scratch::Kept;
using Hold = Scratch::Kept::Hold;

// Only ever grows, up to as many as there were threads at once.
std::atomic<Kept*> all_kept{nullptr};

Kept* take_kept() {
  for (Kept* kept = all_kept.load(std::memory_order_acquire); kept != nullptr; kept = kept->next) {
    bool is_taken = false;
    if (kept->is_taken.compare_exchange_strong(is_taken, true)) return kept;
  }
  auto* kept = new Kept;
  kept->next = all_kept.load(std::memory_order_relaxed);
  while (!all_kept.compare_exchange_weak(kept->next, kept)) {
  }
  return kept;
}

// Two: what is read is opened into a second one where that is not the caller's memory, as on a mount.
thread_local constinit std::array<Kept*, 2> my_kept{};

// Gives them back when the thread ends. What still runs then (destructors of static objects) takes others.
struct KeptReturner {
  ~KeptReturner() {
    for (Kept*& mine : my_kept) {
      Kept* kept = std::exchange(mine, nullptr);
      if (kept == nullptr) continue;
      while (!kept->may_lend()) std::this_thread::yield();  // somebody wipes it
      kept->free_memory();
      kept->hold.store(Hold::kClean, std::memory_order_release);
      kept->is_taken.store(false);
    }
  }
};

[[gnu::noinline]] Kept* keep_one(Kept*& mine) {
  thread_local const KeptReturner at_its_end;
  static_cast<void>(&at_its_end);
  return mine = take_kept();
}

// Null where all of this thread's are in use, or are being wiped.
Kept* lend_one() {
  for (Kept*& mine : my_kept) {
    Kept* kept = mine != nullptr ? mine : keep_one(mine);
    if (kept->may_lend()) return kept;
  }
  return nullptr;
}

Kept* borrow(size_t size) {
  if (size > kKeptSizeMax) return nullptr;
  Kept* kept = lend_one();
  if (kept == nullptr) return nullptr;
  if (kept->data != nullptr && kept->size >= size) return kept;
  kept->free_memory();
  const size_t needed = rounded(size + 1);
  try {
    kept->data = allocate(needed);
  } catch (const std::bad_alloc&) {
    kept->end_lending();
    throw;
  }
  kept->size = needed;
  return kept;
}

}  // namespace

Scratch::Scratch(size_t size) : size_(size), kept_(borrow(size)) {
  data_ = kept_ != nullptr ? kept_->data : allocate(rounded(size + 1));
}

Scratch::~Scratch() {
  if (kept_ != nullptr) {
    kept_->end_lending();
  } else {
    wipe(data_, size_);
    std::free(data_);
  }
}

void Scratch::wipe_all() {
  for (Kept* kept = all_kept.load(std::memory_order_acquire); kept != nullptr; kept = kept->next) {
    for (;;) {
      Hold now = kept->hold.load(std::memory_order_seq_cst);
      if (now == Hold::kClean || now == Hold::kAsked) break;
      if (now == Hold::kWiping) {
        std::this_thread::yield();
      } else if (now == Hold::kLent) {
        if (kept->hold.compare_exchange_strong(now, Hold::kAsked)) break;
      } else if (kept->hold.compare_exchange_strong(now, Hold::kWiping)) {
        wipe(kept->data, kept->size);
        kept->hold.store(Hold::kClean, std::memory_order_release);
        break;
      }
    }
  }
}

}  // namespace coffer
