// Bytes or text that grow in secret memory: messages that may carry keys. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstring>

#include "coffer/base/check.h"
#include "coffer/base/secret.h"

namespace coffer {

class SecretBuffer {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  ByteView view() const { return bytes_.reveal().first(size_); }
  MutableBytes mutable_view() { return bytes_.reveal_mutable().first(size_); }

  // Grows by `count` bytes, zero or left over from what truncate() cut off. Invalidates earlier views.
  MutableBytes extend(size_t count) {
    if (bytes_.size() - size_ < count) {
      SecretBytes larger(std::max({kSmallest, bytes_.size() * 2, size_ + count}));
      if (size_ > 0) std::memcpy(larger.reveal_mutable().data(), bytes_.reveal().data(), size_);
      bytes_ = std::move(larger);
    }
    size_ += count;
    return bytes_.reveal_mutable().subspan(size_ - count, count);
  }
  SecretBuffer& append(ByteView bytes) {
    if (!bytes.empty()) std::memcpy(extend(bytes.size()).data(), bytes.data(), bytes.size());
    return *this;
  }
  SecretBuffer& append(std::string_view text) { return append(as_bytes(text)); }
  // REQUIRES: size <= this->size()
  void truncate(size_t size) {
    COFFER_REQUIRE(size <= size_, "a secret is cut to less than it was");
    size_ = size;
  }
  // As large as what is in it. Leaves this empty.
  SecretBytes take() {
    SecretBytes out = SecretBytes::copy_of(view());
    bytes_ = SecretBytes();
    size_ = 0;
    return out;
  }

 private:
  static constexpr size_t kSmallest = 512;

  SecretBytes bytes_;
  size_t size_ = 0;
};

}  // namespace coffer
