#include "coffer/base/secret.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <bit>
#include <mutex>
#include <new>

#include "coffer/base/secret_memory.h"

namespace coffer {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kSlabBytes = 64 * 1024;
constexpr size_t kSmallest = 64;
constexpr size_t kClassCount = 8;  // 64 … 8192 bytes
constexpr size_t kLargestClass = kSmallest << (kClassCount - 1);

size_t class_of(size_t size) {
  size_t rounded = std::bit_ceil(std::max(size, kSmallest));
  return static_cast<size_t>(std::countr_zero(rounded / kSmallest));
}

size_t page_rounded(size_t size) { return (size + kPageBytes - 1) / kPageBytes * kPageBytes; }

}  // namespace

// Freed blocks are kept in one list per size class; slabs are never returned, so a locked page stays locked.
struct SecretMemory {
  uint8_t* map(size_t size) {
    void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    madvise(p, size, MADV_DONTDUMP);
    mapped_bytes_ += size;
    if (mlock(p, size) == 0) locked_bytes_ += size;
    return static_cast<uint8_t*>(p);
  }

  void unmap(uint8_t* data, size_t size) {
    // munmap also unlocks. Whether this mapping had been locked is not tracked; the statistic counts what is certain.
    munmap(data, size);
    mapped_bytes_ -= size;
    if (locked_bytes_ >= size) locked_bytes_ -= size;
  }

  uint8_t* allocate(size_t size_class) {
    std::lock_guard lock(mutex_);
    FreeBlock*& head = free_[size_class];
    if (head == nullptr) add_slab(size_class);
    FreeBlock* block = head;
    head = block->next;
    block->next = nullptr;
    return reinterpret_cast<uint8_t*>(block);
  }

  void release(uint8_t* data, size_t size_class) {
    std::lock_guard lock(mutex_);
    auto* block = reinterpret_cast<FreeBlock*>(data);
    block->next = free_[size_class];
    free_[size_class] = block;
  }

  SecretMemoryStats stats() const { return {mapped_bytes_.load(), locked_bytes_.load()}; }

 private:
  struct FreeBlock {
    FreeBlock* next;
  };

  void add_slab(size_t size_class) {
    size_t block_bytes = kSmallest << size_class;
    uint8_t* slab = map(kSlabBytes);
    for (size_t at = kSlabBytes; at >= block_bytes; at -= block_bytes) {
      auto* block = reinterpret_cast<FreeBlock*>(slab + at - block_bytes);
      block->next = free_[size_class];
      free_[size_class] = block;
    }
  }

  std::mutex mutex_;
  std::array<FreeBlock*, kClassCount> free_{};
  std::atomic<size_t> mapped_bytes_{0};
  std::atomic<size_t> locked_bytes_{0};
};

namespace {

std::atomic<SecretMemory*> shared_memory{nullptr};

}  // namespace

SecretMemory& secret_memory() {
  if (SecretMemory* shared = shared_memory.load(std::memory_order_acquire)) return *shared;
  // Never destroyed: keys held by other static objects may be freed after it would be.
  static SecretMemory* own = new SecretMemory;
  return *own;
}

void share_secret_memory(SecretMemory& memory) { shared_memory.store(&memory, std::memory_order_release); }

void wipe(void* data, size_t size) {
  if (size == 0) return;
  explicit_bzero(data, size);
}

SecretBytes::SecretBytes(size_t size) : size_(size) {
  if (size == 0) return;
  data_ = size > kLargestClass ? secret_memory().map(page_rounded(size)) : secret_memory().allocate(class_of(size));
}

SecretBytes SecretBytes::copy_of(ByteView bytes) {
  SecretBytes out(bytes.size());
  if (!bytes.empty()) std::memcpy(out.data_, bytes.data(), bytes.size());
  return out;
}

void SecretBytes::reset() {
  if (data_ == nullptr) return;
  wipe(data_, size_);
  if (size_ > kLargestClass) {
    secret_memory().unmap(data_, page_rounded(size_));
  } else {
    secret_memory().release(data_, class_of(size_));
  }
  data_ = nullptr;
  size_ = 0;
}

SecretMemoryStats secret_memory_stats() { return secret_memory().stats(); }

}  // namespace coffer
