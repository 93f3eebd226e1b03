// Keys that are kept for as long as a coffer or a file is open, and used now and then. At rest they are sealed, under a
// key that the process draws for itself and that never leaves locked memory: so thousands of them need little of it,
// and a child of fork() has none.
//
// AES-256-GCM under a random key per process; the nonce counts. docs/keys.md, "Where keys are in memory".
#pragma once

#include "coffer/base/secret.h"
#include "coffer/crypto/suite.h"

namespace coffer {

// What is kept of a key of at most kSizeMax bytes. Not secret, but wiped: a key that is destroyed must be gone even for
// who then learns all that the process has in memory.
class SealedAtRest {
 public:
  static constexpr size_t kSizeMax = 64;

  SealedAtRest() = default;
  SealedAtRest(const SealedAtRest&) = default;
  SealedAtRest& operator=(const SealedAtRest&) = default;
  ~SealedAtRest() { wipe(sealed_.data(), sealed_.size()); }

  // kInvalidArgument for a longer key; else only what keeps AES-256-GCM from working here.
  static Result<SealedAtRest> seal(ByteView key);
  // kKeyUnavailable in a child of the process that sealed it. REQUIRES: out.size() == size()
  Status open(MutableBytes out) const;

  size_t size() const { return size_; }

 private:
  uint64_t nonce_ = 0;
  uint32_t process_ = 0;
  uint8_t size_ = 0;
  std::array<uint8_t, kSizeMax + kTagSize> sealed_{};
};

// Copies are copies of what is sealed. Const member functions are thread-safe.
template <class Role>
class RestingKey {
 public:
  RestingKey() = default;  // no key
  static Result<RestingKey> seal(const Key<Role>& key) {
    RestingKey out;
    if (key.empty()) return out;
    COFFER_ASSIGN(out.sealed_, SealedAtRest::seal(key.reveal()));
    return out;
  }

  // For the time of a use. kKeyUnavailable in a child of fork().
  Result<Key<Role>> open() const {
    SecretBytes key(size());
    if (!empty()) COFFER_TRY(sealed_.open(key.reveal_mutable()));
    return Key<Role>(std::move(key));
  }
  size_t size() const { return sealed_.size(); }
  bool empty() const { return size() == 0; }

 private:
  SealedAtRest sealed_;
};

}  // namespace coffer
