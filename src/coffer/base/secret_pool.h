// Blocks of secret memory: locked as long as the operating system agrees. Internal to base/.
#pragma once

#include <array>
#include <atomic>
#include <mutex>

#include "coffer/base/secret.h"

namespace coffer {

// Of one process, as locks on memory are. Pages are shared by blocks of one size and never given back, so a locked page
// stays locked; larger blocks are mappings of their own. Thread-safe.
class SecretPool {
 public:
  struct Block {
    uint8_t* data = nullptr;
    bool locked = false;
    bool roomy = false;  // from allocate_where_roomy()
  };

  SecretPool();

  // All zeros. Throws std::bad_alloc when the address space is exhausted.
  Block allocate(size_t size);
  // No data unless the block is locked and others have as much again. REQUIRES: size <= kSharedMax
  Block allocate_where_roomy(size_t size);
  // REQUIRES: all zeros; what allocate() said of this size.
  void release(Block block, size_t size);

  SecretMemoryStats stats() const { return {locked_bytes_.load(), unlocked_bytes_.load()}; }

  static constexpr size_t kSmallest = 64;
  static constexpr size_t kSizeCount = 5;
  static constexpr size_t kSharedMax = kSmallest << (kSizeCount - 1);  // 1024

 private:
  struct FreeBlock {
    FreeBlock* next;
  };
  using FreeLists = std::array<FreeBlock*, kSizeCount>;  // by size
  // Mapped, not handed out yet.
  struct Fresh {
    uint8_t* next = nullptr;
    uint8_t* end = nullptr;
  };

  static uint8_t* take(FreeLists& lists, size_t list);
  uint8_t* take_locked(size_t list);
  bool add_page(FreeLists& lists, size_t list, Fresh& fresh, bool locked);
  Block map_large(size_t size);

  std::mutex mutex_;
  FreeLists locked_{};
  FreeLists unlocked_{};
  Fresh fresh_locked_;
  Fresh fresh_unlocked_;
  size_t roomy_left_;       // bytes that may still go to who can do without
  uint32_t refusals_left_;  // before the operating system, which refused, is asked again
  std::atomic<size_t> locked_bytes_{0};
  std::atomic<size_t> unlocked_bytes_{0};
};

}  // namespace coffer
