// Memory for secrets, and key types that carry their role.
//
// SecretBytes live in memory of our own: locked (mlock), kept out of core dumps (MADV_DONTDUMP), absent from a child of
// fork() (MADV_WIPEONFORK) and wiped when freed. If the operating system refuses to lock (RLIMIT_MEMLOCK), all but the
// first still holds, and secret_memory_stats() tells. Allocation is thread-safe; one SecretBytes object is not.
#pragma once

#include <atomic>

#include "coffer/base/bytes.h"

namespace coffer {

// Overwrites memory in a way the compiler may not remove.
void wipe(void* data, size_t size);

namespace detail {
extern constinit std::atomic<const std::atomic<uint32_t>*> process_word;  // reads 0 in a child, until it is numbered
uint32_t number_process();
}  // namespace detail

// From 1 on: another number than every process has that this one was forked from.
inline uint32_t process_number() {
  if (const auto* word = detail::process_word.load(std::memory_order_acquire)) [[likely]] {
    if (const uint32_t number = word->load(std::memory_order_relaxed)) [[likely]]
      return number;
  }
  return detail::number_process();
}

class SecretBytes {
 public:
  SecretBytes() = default;
  // `size` zero bytes, 64-byte aligned. Throws std::bad_alloc when the address space is exhausted.
  explicit SecretBytes(size_t size);
  // The same for what can do without: empty if it would have to lie in memory that is not locked, or take of what is
  // kept back for those who cannot.
  static SecretBytes where_roomy(size_t size);
  SecretBytes(SecretBytes&& other) noexcept { swap(other); }
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    if (this != &other) {
      reset();
      swap(other);
    }
    return *this;
  }
  ~SecretBytes() { reset(); }

  static SecretBytes copy_of(ByteView bytes);
  SecretBytes clone() const { return copy_of(reveal()); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // The secret itself. Every call is a place to review: only crypto/, the sealed keyring's codec and the providers may.
  // REQUIRES: this process made it. What is kept for long, and may find itself in a child, is a RestingKey
  // (crypto/resting_key.h), which can say no.
  ByteView reveal() const { return check_process(), ByteView{data_, size_}; }
  MutableBytes reveal_mutable() { return check_process(), MutableBytes{data_, size_}; }

 private:
  void reset();
  void swap(SecretBytes& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(process_, other.process_);
    std::swap(locked_, other.locked_);
    std::swap(roomy_, other.roomy_);
  }
  void check_process() const {
    COFFER_REQUIRE(data_ == nullptr || process_ == process_number(),
                   "a child of fork() uses no key of its parent's: it has zeros in its place");
  }

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  uint32_t process_ = 0;
  bool locked_ = false;
  bool roomy_ = false;
};

struct SecretMemoryStats {
  size_t locked_bytes = 0;  // pages locked for secrets, used or not
  // Of secrets there are now, which the operating system refused to lock: they may be written to swap.
  size_t unlocked_bytes = 0;
};
// Of this process. Thread-safe.
SecretMemoryStats secret_memory_stats();

// A key with the role it may be used in. Move-only, wiped, not comparable, not printable.
template <class Role>
class Key {
 public:
  Key() = default;
  explicit Key(SecretBytes bytes) : bytes_(std::move(bytes)) {}
  static Key copy_of(ByteView bytes) { return Key(SecretBytes::copy_of(bytes)); }

  Key clone() const { return Key(bytes_.clone()); }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  ByteView reveal() const { return bytes_.reveal(); }

 private:
  SecretBytes bytes_;
};

struct RootRole {};     // 16, 24 or 32 bytes; lives in a key provider
struct KeyringRole {};  // 32 bytes; seals the keyring
struct AuditRole {};    // 32 bytes; authenticates the audit log
struct DomainRole {};   // 32 bytes; wraps file keys
struct FileRole {};     // as many bytes as its suite asks for; one per file
using RootKey = Key<RootRole>;
using KeyringKey = Key<KeyringRole>;
using AuditKey = Key<AuditRole>;
using DomainKey = Key<DomainRole>;
using FileKey = Key<FileRole>;

}  // namespace coffer
