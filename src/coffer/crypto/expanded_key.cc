#include "coffer/crypto/expanded_key.h"

#include <thread>

namespace coffer {
namespace {

// Where keys at rest are expanded. One that is used again before another took its place is found as it was left.
class Places {
 public:
  struct Place {
    std::atomic<bool> taken{false};
    std::atomic<uint64_t> holds{0};  // the number of a key; changes only while taken
    SecretBytes expanded;

    bool take() { return !taken.load(std::memory_order_relaxed) && !taken.exchange(true, std::memory_order_acquire); }
    void give_back() { taken.store(false, std::memory_order_release); }
  };

  // The place that holds the key, or else any: waits if all are taken.
  Place& take(uint64_t number) {
    for (;;) {
      for (Place& place : places_) {
        if (place.holds.load(std::memory_order_relaxed) != number || !place.take()) continue;
        if (place.holds.load(std::memory_order_relaxed) == number) return place;
        place.give_back();
      }
      for (size_t i = 0; i < kCount; ++i) {
        Place& place = places_[(number + i) % kCount];
        if (place.take()) return place;
      }
      std::this_thread::yield();
    }
  }
  // Nobody uses the key any more.
  void forget(uint64_t number) {
    for (Place& place : places_) {
      if (place.holds.load(std::memory_order_relaxed) != number) continue;
      while (!place.take()) std::this_thread::yield();
      if (place.holds.load(std::memory_order_relaxed) == number) {
        wipe(place.expanded.reveal_mutable().data(), place.expanded.size());
        place.holds.store(0, std::memory_order_relaxed);
      }
      place.give_back();
    }
  }

 private:
  // As many calls as can run at once and a few, in 16 KiB.
  static constexpr size_t kCount = 16;

  std::array<Place, kCount> places_;
};

constinit PerProcess<Places> places;
std::atomic<uint64_t> last_number{0};

}  // namespace

ExpandedKey::ExpandedKey(ByteView key, size_t size, Expand expand, Expansion expansion) : expand_(expand) {
  COFFER_REQUIRE(size <= kSizeMax, "an expanded key fits the places for expanded keys");
  if (expansion == Expansion::kWhileRoomy) {
    kept_ = SecretBytes::where_roomy(size);
    if (kept_.empty()) {
      if (auto resting = SealedAtRest::seal(key); resting.is_ok()) {
        resting_ = *resting;
        number_ = last_number.fetch_add(1, std::memory_order_relaxed) + 1;
        return;
      }
    }
  }
  if (kept_.empty()) kept_ = SecretBytes(size);
  expand_(key, kept_.reveal_mutable().data());
}

ExpandedKey::~ExpandedKey() {
  if (number_ != 0 && process_.is_here()) places.get().forget(number_);
}

bool ExpandedKey::replace(ByteView key) {
  if (kept_.empty()) return false;
  expand_(key, kept_.reveal_mutable().data());
  return true;
}

const uint8_t* ExpandedKey::borrow(void*& borrowed) const {
  Places::Place& place = places.get().take(number_);
  borrowed = &place;
  if (place.expanded.empty()) place.expanded = SecretBytes(kSizeMax);
  if (place.holds.load(std::memory_order_relaxed) != number_) {
    place.holds.store(0, std::memory_order_relaxed);
    SecretBytes key(resting_.size());
    const Status opened = resting_.open(key.reveal_mutable());
    COFFER_REQUIRE(opened.is_ok(), "a key at rest opens in the process that sealed it");
    expand_(key.reveal(), place.expanded.reveal_mutable().data());
    place.holds.store(number_, std::memory_order_relaxed);
  }
  return place.expanded.reveal().data();
}

void ExpandedKey::give_back(void* place) { static_cast<Places::Place*>(place)->give_back(); }

}  // namespace coffer
