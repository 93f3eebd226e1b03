// Memory for secrets, and key types that carry their role.
//
// SecretBytes live in memory of our own: locked (mlock), kept out of core dumps (MADV_DONTDUMP) and wiped when freed.
// If the operating system refuses to lock (RLIMIT_MEMLOCK), the secret is still kept out of dumps and wiped, and
// secret_memory_stats() tells. Allocation is thread-safe; one SecretBytes object is not.
#pragma once

#include "coffer/base/bytes.h"

namespace coffer {

// Overwrites memory in a way the compiler may not remove.
void wipe(void* data, size_t size);

class SecretBytes {
 public:
  SecretBytes() = default;
  // `size` zero bytes, 64-byte aligned. Throws std::bad_alloc when the address space is exhausted.
  explicit SecretBytes(size_t size);
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
  ByteView reveal() const { return {data_, size_}; }
  MutableBytes reveal_mutable() { return {data_, size_}; }

 private:
  void reset();
  void swap(SecretBytes& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

struct SecretMemoryStats {
  size_t mapped_bytes = 0;  // address space held for secrets
  size_t locked_bytes = 0;  // of which the operating system agreed to lock
};
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
struct DomainRole {};   // 32 bytes; wraps file keys
struct FileRole {};     // as many bytes as its suite asks for; one per file
using RootKey = Key<RootRole>;
using KeyringKey = Key<KeyringRole>;
using DomainKey = Key<DomainRole>;
using FileKey = Key<FileRole>;

}  // namespace coffer
