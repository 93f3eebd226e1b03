#include "coffer/base/secret.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <bit>
#include <mutex>
#include <new>

namespace coffer {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kSlabBytes = 64 * 1024;
constexpr size_t kSmallest = 64;
constexpr size_t kClassCount = 8;  // 64 … 8192 bytes
constexpr size_t kLargestClass = kSmallest << (kClassCount - 1);

std::atomic<size_t> mapped_bytes{0};
std::atomic<size_t> locked_bytes{0};

uint8_t* map_secret(size_t size) {
  void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  madvise(p, size, MADV_DONTDUMP);
  mapped_bytes += size;
  if (mlock(p, size) == 0) locked_bytes += size;
  return static_cast<uint8_t*>(p);
}

// Freed blocks are kept in one list per size class; slabs are never returned, so a locked page stays locked.
class Arena {
 public:
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

 private:
  struct FreeBlock {
    FreeBlock* next;
  };

  void add_slab(size_t size_class) {
    size_t block_bytes = kSmallest << size_class;
    uint8_t* slab = map_secret(kSlabBytes);
    for (size_t at = kSlabBytes; at >= block_bytes; at -= block_bytes) {
      auto* block = reinterpret_cast<FreeBlock*>(slab + at - block_bytes);
      block->next = free_[size_class];
      free_[size_class] = block;
    }
  }

  std::mutex mutex_;
  std::array<FreeBlock*, kClassCount> free_{};
};

// Never destroyed: keys held by other static objects may be freed after it would be.
Arena& arena() {
  static Arena* instance = new Arena;
  return *instance;
}

size_t class_of(size_t size) {
  size_t rounded = std::bit_ceil(std::max(size, kSmallest));
  return static_cast<size_t>(std::countr_zero(rounded / kSmallest));
}

size_t page_rounded(size_t size) { return (size + kPageBytes - 1) / kPageBytes * kPageBytes; }

}  // namespace

void wipe(void* data, size_t size) {
  if (size == 0) return;
  explicit_bzero(data, size);
}

SecretBytes::SecretBytes(size_t size) : size_(size) {
  if (size == 0) return;
  data_ = size > kLargestClass ? map_secret(page_rounded(size)) : arena().allocate(class_of(size));
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
    size_t size = page_rounded(size_);
    // munmap also unlocks. Whether this mapping had been locked is not tracked; the statistic counts what is certain.
    munmap(data_, size);
    mapped_bytes -= size;
    if (locked_bytes >= size) locked_bytes -= size;
  } else {
    arena().release(data_, class_of(size_));
  }
  data_ = nullptr;
  size_ = 0;
}

SecretMemoryStats secret_memory_stats() { return {mapped_bytes.load(), locked_bytes.load()}; }

}  // namespace coffer
