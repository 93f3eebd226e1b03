#include "coffer/base/secret.h"

#include <pthread.h>
#include <sys/mman.h>

#include <new>

#include "coffer/base/per_process.h"
#include "coffer/base/secret_memory.h"
#include "coffer/base/secret_pool.h"

namespace coffer {

// Never destroyed: keys held by other static objects may be freed after it would be.
struct SecretMemory {
  SecretMemory();
  uint32_t number_process();

  std::atomic<uint32_t>* word;       // in a page of its own, which reads zero in a child
  std::atomic<uint32_t> numbers{0};  // given out; a child goes on counting where its parent was
  PerProcess<SecretPool> pool;
};

namespace detail {

constinit std::atomic<const std::atomic<uint32_t>*> process_word{nullptr};

uint32_t number_process() { return secret_memory().number_process(); }

}  // namespace detail

namespace {

std::atomic<SecretMemory*> shared_memory{nullptr};

void forget_number() {
  auto* word = const_cast<std::atomic<uint32_t>*>(detail::process_word.load(std::memory_order_acquire));
  word->store(0, std::memory_order_relaxed);
}

}  // namespace

SecretMemory::SecretMemory() {
  constexpr size_t kPageBytes = 4096;
  void* page = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw std::bad_alloc();
  word = new (page) std::atomic<uint32_t>(0);
  detail::process_word.store(word, std::memory_order_release);
  // A kernel that cannot empty pages for children still calls us in those that the C library makes.
  if (madvise(page, kPageBytes, MADV_WIPEONFORK) != 0) pthread_atfork(nullptr, nullptr, forget_number);
}

uint32_t SecretMemory::number_process() {
  const uint32_t number = numbers.fetch_add(1) + 1;
  uint32_t present = 0;
  return word->compare_exchange_strong(present, number) ? number : present;
}

SecretMemory& secret_memory() {
  if (SecretMemory* shared = shared_memory.load(std::memory_order_acquire)) return *shared;
  static SecretMemory* own = new SecretMemory;
  return *own;
}

void share_secret_memory(SecretMemory& memory) {
  shared_memory.store(&memory, std::memory_order_release);
  detail::process_word.store(memory.word, std::memory_order_release);
}

void wipe(void* data, size_t size) {
  if (size == 0) return;
  explicit_bzero(data, size);
}

SecretBytes::SecretBytes(size_t size) {
  if (size == 0) return;
  const SecretPool::Block block = secret_memory().pool.get().allocate(size);
  data_ = block.data;
  size_ = size;
  locked_ = block.locked;
  process_ = process_number();
}

SecretBytes SecretBytes::where_roomy(size_t size) {
  SecretBytes out;
  if (size == 0 || size > SecretPool::kSharedMax) return out;
  const SecretPool::Block block = secret_memory().pool.get().allocate_where_roomy(size);
  if (block.data == nullptr) return out;
  out.data_ = block.data;
  out.size_ = size;
  out.locked_ = block.locked;
  out.roomy_ = block.roomy;
  out.process_ = process_number();
  return out;
}

SecretBytes SecretBytes::copy_of(ByteView bytes) {
  SecretBytes out(bytes.size());
  if (!bytes.empty()) std::memcpy(out.data_, bytes.data(), bytes.size());
  return out;
}

void SecretBytes::reset() {
  if (data_ == nullptr) return;
  // In a child there is nothing to wipe, nor does the memory belong to its own.
  if (process_ == process_number()) {
    wipe(data_, size_);
    secret_memory().pool.get().release({data_, locked_, roomy_}, size_);
  }
  data_ = nullptr;
  size_ = 0;
}

SecretMemoryStats secret_memory_stats() { return secret_memory().pool.get().stats(); }

Status OfOneProcess::stayed_with_parent() {
  return {Code::kKeyUnavailable,
          "this process was forked from the one that has the key, and keys stay with the parent; open the coffer and "
          "its files anew in this process"};
}

}  // namespace coffer
