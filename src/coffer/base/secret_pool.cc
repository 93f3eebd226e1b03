#include "coffer/base/secret_pool.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <new>

namespace coffer {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kMappingBytes = 64 * 1024;
// What those who can do without leave to the others, and to the program: of a limit of 64 KiB they get 16.
constexpr size_t kKeptBack = 16 * 1024;
constexpr size_t kRoomyMax = 16 << 20;
// Asking costs a microsecond, and a limit that was reached is seldom raised.
constexpr uint32_t kRefusals = 255;

size_t list_of(size_t size) {
  const size_t rounded = std::bit_ceil(std::max(size, SecretPool::kSmallest));
  return static_cast<size_t>(std::countr_zero(rounded / SecretPool::kSmallest));
}
size_t block_bytes(size_t list) { return SecretPool::kSmallest << list; }

size_t page_rounded(size_t size) { return (size + kPageBytes - 1) / kPageBytes * kPageBytes; }

uint8_t* map_secret(size_t size) {
  void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  madvise(p, size, MADV_DONTDUMP);
  madvise(p, size, MADV_WIPEONFORK);
  return static_cast<uint8_t*>(p);
}

size_t room_for_roomy() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return 0;
  const size_t half = limit.rlim_cur == RLIM_INFINITY ? kRoomyMax : limit.rlim_cur / 2;
  return std::min(kRoomyMax, half - std::min(half, kKeptBack));
}

}  // namespace

SecretPool::SecretPool() : roomy_left_(room_for_roomy()), refusals_left_(0) {}

uint8_t* SecretPool::take(FreeLists& lists, size_t list) {
  FreeBlock* block = lists[list];
  if (block == nullptr) return nullptr;
  lists[list] = std::exchange(block->next, nullptr);
  return reinterpret_cast<uint8_t*>(block);
}

bool SecretPool::add_page(FreeLists& lists, size_t list, Fresh& fresh, bool locked) {
  if (fresh.next == fresh.end) {
    fresh.next = map_secret(kMappingBytes);
    fresh.end = fresh.next + kMappingBytes;
  }
  uint8_t* page = fresh.next;
  if (locked) {
    if (mlock(page, kPageBytes) != 0) return false;
    locked_bytes_ += kPageBytes;
  }
  fresh.next += kPageBytes;
  const size_t size = block_bytes(list);
  for (size_t at = kPageBytes; at >= size; at -= size) {
    auto* block = reinterpret_cast<FreeBlock*>(page + at - size);
    block->next = std::exchange(lists[list], block);
  }
  return true;
}

uint8_t* SecretPool::take_locked(size_t list) {
  if (uint8_t* data = take(locked_, list)) return data;
  if (refusals_left_ > 0) {
    --refusals_left_;
    return nullptr;
  }
  if (!add_page(locked_, list, fresh_locked_, true)) {
    refusals_left_ = kRefusals;
    return nullptr;
  }
  return take(locked_, list);
}

SecretPool::Block SecretPool::allocate(size_t size) {
  if (size > kSharedMax) return map_large(size);
  const size_t list = list_of(size);
  std::lock_guard lock(mutex_);
  if (uint8_t* data = take_locked(list)) return {data, true};
  if (unlocked_[list] == nullptr) add_page(unlocked_, list, fresh_unlocked_, false);
  unlocked_bytes_ += block_bytes(list);
  return {take(unlocked_, list), false};
}

SecretPool::Block SecretPool::allocate_where_roomy(size_t size) {
  const size_t list = list_of(size);
  std::lock_guard lock(mutex_);
  if (roomy_left_ < block_bytes(list)) return {};
  uint8_t* data = take_locked(list);
  if (data == nullptr) return {};
  roomy_left_ -= block_bytes(list);
  return {data, true, true};
}

SecretPool::Block SecretPool::map_large(size_t size) {
  const size_t mapped = page_rounded(size);
  uint8_t* data = map_secret(mapped);
  const bool locked = mlock(data, mapped) == 0;
  (locked ? locked_bytes_ : unlocked_bytes_) += mapped;
  return {data, locked};
}

void SecretPool::release(Block block, size_t size) {
  if (size > kSharedMax) {
    munmap(block.data, page_rounded(size));  // which unlocks
    (block.locked ? locked_bytes_ : unlocked_bytes_) -= page_rounded(size);
    return;
  }
  const size_t list = list_of(size);
  std::lock_guard lock(mutex_);
  auto* free = reinterpret_cast<FreeBlock*>(block.data);
  free->next = std::exchange((block.locked ? locked_ : unlocked_)[list], free);
  if (!block.locked) unlocked_bytes_ -= block_bytes(list);
  if (block.roomy) roomy_left_ += block_bytes(list);
}

}  // namespace coffer
