#include "coffer/crypto/derived_key.h"

namespace coffer {

// Nobody waits for a place: who holds one may be about to wait for him, or be himself.
struct alignas(64) DerivedKey::Place {
  // For what is in no place; no owner has these numbers.
  static constexpr uint64_t kForgotten = 0, kWiped = ~uint64_t{0};

  std::atomic<bool> taken{false};
  std::atomic<uint64_t> owner{kWiped};
  Origin origin{};
  const CryptoBackend* backend = nullptr;
  std::unique_ptr<AeadKey> key;
  bool is_shared = true;

  bool take() { return !taken.load(std::memory_order_relaxed) && !taken.exchange(true, std::memory_order_acquire); }
  void give_back() {
    taken.store(false);
    wipe_forgotten();
  }
  // While it is taken, it goes when it is given back.
  void forget(uint64_t number) {
    const bool is_its = owner.load(std::memory_order_relaxed) == number;
    if (is_its && owner.compare_exchange_strong(number, kForgotten)) wipe_forgotten();
  }

 private:
  // Whoever gives it back, and whoever forgets it, looks at what the other has written, in one order of all: so at
  // least one of them wipes.
  void wipe_forgotten() {
    while (owner.load() == kForgotten && take()) {
      if (owner.load() == kForgotten) {
        key.reset();
        owner.store(kWiped);
      }
      taken.store(false);
    }
  }
};

class DerivedKey::Places {
 public:
  // Each thread begins where it found one last: what it has just derived is there.
  Place* take() {
    static constinit thread_local size_t last = 0;
    for (size_t i = 0; i < kCount; ++i) {
      const size_t index = (last + i) % kCount;
      if (!places_[index].take()) continue;
      last = index;
      return &places_[index];
    }
    auto* own = new Place;
    own->is_shared = false;
    own->taken = true;
    return own;
  }

  void forget(uint64_t number) {
    for (Place& place : places_) place.forget(number);
  }

 private:
  // As many as compute at once and a few, in 16 KiB.
  static constexpr size_t kCount = 16;

  std::array<Place, kCount> places_;
};

DerivedKeyOwner DerivedKeyOwner::create() {
  static constinit std::atomic<uint64_t> last{0};
  DerivedKeyOwner out;
  out.number_ = last.fetch_add(1, std::memory_order_relaxed) + 1;
  return out;
}

void DerivedKeyOwner::forget() {
  if (number_ != 0) per_process<DerivedKey::Places>().forget(number_);
}

DerivedKey DerivedKey::borrow() {
  DerivedKey out;
  out.place_ = per_process<Places>().take();
  return out;
}

DerivedKey::~DerivedKey() {
  if (place_ == nullptr) return;
  if (place_->is_shared) {
    place_->give_back();
  } else {
    delete place_;
  }
}

bool DerivedKey::holds(const DerivedKeyOwner& owner, const Origin& origin) const {
  return place_->owner.load(std::memory_order_relaxed) == owner.number_ && place_->origin == origin;
}

Status DerivedKey::put(const DerivedKeyOwner& owner, const Origin& origin, ByteView key,
                       const CryptoBackend& backend) {
  Place& place = *place_;
  place.owner.store(Place::kForgotten, std::memory_order_relaxed);
  if (place.key == nullptr || place.backend != &backend || !place.key->replace(key)) {
    COFFER_ASSIGN(place.key, AeadKey::create(Suite::kAes256Gcm, key, backend));
    place.backend = &backend;
  }
  place.origin = origin;
  place.owner.store(owner.number_, std::memory_order_relaxed);
  return Status::ok();
}

const AeadKey& DerivedKey::key() const { return *place_->key; }

}  // namespace coffer
