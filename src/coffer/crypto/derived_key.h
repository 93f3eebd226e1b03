// A key of AES-256-GCM that is derived for some messages at hand, and not kept: it is expanded in one of a few places
// that all such keys of a process share, so that to derive one allocates nothing. It is found there as long as no other
// has taken the place. Internal to crypto/.
#pragma once

#include "coffer/crypto/aead.h"

namespace coffer {

// Whose derived keys they are, each known by the 12 bytes that it was derived from. Their places are wiped with it.
class DerivedKeyOwner {
 public:
  static DerivedKeyOwner create();
  DerivedKeyOwner() = default;  // of none
  DerivedKeyOwner(DerivedKeyOwner&& other) noexcept { std::swap(number_, other.number_); }
  DerivedKeyOwner& operator=(DerivedKeyOwner&& other) noexcept {
    forget();
    number_ = std::exchange(other.number_, 0);
    return *this;
  }
  ~DerivedKeyOwner() { forget(); }

  // One that is in use at the moment is wiped when its user gives it back.
  void forget();

 private:
  friend class DerivedKey;

  uint64_t number_ = 0;
};

// A place, for as long as it lives. Not thread-safe.
class DerivedKey {
 public:
  using Origin = std::array<uint8_t, kNonceSize>;

  // One that this thread had last, if it is free.
  static DerivedKey borrow();
  DerivedKey() = default;  // no place
  DerivedKey(DerivedKey&& other) noexcept { std::swap(place_, other.place_); }
  DerivedKey& operator=(DerivedKey&& other) noexcept {
    std::swap(place_, other.place_);
    return *this;
  }
  ~DerivedKey();

  bool is_empty() const { return place_ == nullptr; }
  bool holds(const DerivedKeyOwner& owner, const Origin& origin) const;
  // Expands `key`, of 32 bytes, there.
  Status put(const DerivedKeyOwner& owner, const Origin& origin, ByteView key, const CryptoBackend& backend);
  // REQUIRES: holds() for somebody
  const AeadKey& key() const;

 private:
  friend class DerivedKeyOwner;
  struct Place;
  class Places;

  Place* place_ = nullptr;
};

}  // namespace coffer
