// A key in the form in which ipsec-mb uses it, up to thirty times as large as the key. It lies expanded in locked
// memory as long as there is room; where there is not, the key is at rest, and is expanded for each use in one of a few
// places that all such keys share. Internal to crypto/.
#pragma once

#include <new>

#include "coffer/base/per_process.h"
#include "coffer/crypto/backend.h"
#include "coffer/crypto/resting_key.h"

namespace coffer {

// Thread-safe, and allocates nothing once it is made.
class ExpandedKey {
 public:
  static constexpr size_t kSizeMax = 1024;
  // Writes the expanded form of `key` to `out`, 64-byte aligned.
  using Expand = void (*)(ByteView key, uint8_t* out);

  // `size` of the expanded form, at most kSizeMax.
  ExpandedKey(ByteView key, size_t size, Expand expand, Expansion expansion);
  ~ExpandedKey();
  ExpandedKey(const ExpandedKey&) = delete;
  ExpandedKey& operator=(const ExpandedKey&) = delete;

  // Takes another key of the same size. False, and it is as it was, for one that is at rest. REQUIRES: nobody uses it
  bool replace(ByteView key);

  // While it lives the expanded form is there. For the time of a call: who holds one for long keeps others waiting.
  // REQUIRES: this process made the key
  class Use {
   public:
    explicit Use(const ExpandedKey& key) : data_(key.kept_.empty() ? key.borrow(place_) : key.kept_.reveal().data()) {}
    ~Use() {
      if (place_ != nullptr) give_back(place_);
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

    template <class Form>
    const Form* as() const {
      return std::launder(reinterpret_cast<const Form*>(data_));
    }

   private:
    void* place_ = nullptr;
    const uint8_t* data_;
  };

 private:
  const uint8_t* borrow(void*& place) const;
  static void give_back(void* place);

  const Expand expand_;
  SecretBytes kept_;  // empty: at rest
  SealedAtRest resting_;
  uint64_t number_ = 0;  // of those at rest, from 1
  OfOneProcess process_;
};

}  // namespace coffer
