// A growable byte sequence in secret memory: KMIP messages, which may carry keys in either direction. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstring>

#include "coffer/base/secret.h"

namespace coffer::kmip {

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
  void append(ByteView bytes) {
    if (bytes.empty()) return;
    std::memcpy(extend(bytes.size()).data(), bytes.data(), bytes.size());
  }
  // REQUIRES: size <= this->size()
  void truncate(size_t size) { size_ = size; }

 private:
  static constexpr size_t kSmallest = 1024;

  SecretBytes bytes_;
  size_t size_ = 0;
};

}  // namespace coffer::kmip
