// Views of bytes, 16-byte identifiers, hexadecimal text, and a growable output buffer that never zero-fills.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/base/check.h"
#include "coffer/base/status.h"

namespace coffer {

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;
using MutableBytes = std::span<uint8_t>;

inline ByteView as_bytes(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }
inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Every file that is opened has thousands of zeros to check: this is many times faster than a loop.
inline bool is_all_zero(ByteView bytes) {
  return bytes.empty() || (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

std::string to_hex(ByteView bytes);
// Accepts upper and lower case, an even number of digits and nothing else.
Result<Bytes> from_hex(std::string_view text);

// A random 16-byte identifier (file, store, coffer, key, slot). Not secret.
struct Id {
  std::array<uint8_t, 16> bytes{};

  auto operator<=>(const Id&) const = default;
  bool is_zero() const { return *this == Id{}; }
  ByteView view() const { return bytes; }
  std::string hex() const { return to_hex(bytes); }
  // The first hexadecimal digits, which people are shown: enough to tell the keys of one domain apart, whose ids begin
  // alike.
  static constexpr size_t kShortDigits = 12;
  std::string short_hex() const { return hex().substr(0, kShortDigits); }
  static Result<Id> parse(std::string_view hex);
};

struct IdHash {
  size_t operator()(const Id& id) const {
    size_t out;
    std::memcpy(&out, id.bytes.data(), sizeof out);
    return out;
  }
};

// Bytes being produced. extend() leaves the new bytes uninitialised and keeps the capacity across clear(), so that a
// writer's steady state allocates nothing. Not thread-safe.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t capacity) { reserve(capacity); }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }

  // Grows by `count` bytes and returns the first of them. Invalidates earlier pointers.
  uint8_t* extend(size_t count) {
    reserve(size_ + count);
    uint8_t* out = data_.get() + size_;
    size_ += count;
    return out;
  }
  void append(ByteView bytes) {
    if (!bytes.empty()) std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
  }
  void reserve(size_t capacity);
  // REQUIRES: size <= this->size()
  void truncate(size_t size) {
    COFFER_REQUIRE(size <= size_, "a buffer is truncated to no more bytes than it has");
    size_ = size;
  }
  // Drops the first `count` bytes. REQUIRES: count <= size()
  void drop_front(size_t count) {
    COFFER_REQUIRE(count <= size_, "a buffer drops no more bytes than it has");
    size_ -= count;
    if (size_ > 0) std::memmove(data_.get(), data_.get() + count, size_);
  }
  void clear() { size_ = 0; }

  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  uint8_t* data() { return data_.get(); }
  const uint8_t* data() const { return data_.get(); }
  ByteView view() const { return {data_.get(), size_}; }
  MutableBytes mutable_view() { return {data_.get(), size_}; }

 private:
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

  std::unique_ptr<uint8_t[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace coffer
