// Bounds-checked little-endian reading and writing: the only way Coffer takes fields from bytes it did not make.
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

#include "coffer/base/bytes.h"

namespace coffer {

inline uint16_t load_le16(const uint8_t* p) { return static_cast<uint16_t>(p[0] | p[1] << 8); }
inline uint32_t load_le32(const uint8_t* p) {
  uint32_t v;
  std::memcpy(&v, p, 4);
  return v;
}
inline uint32_t load_be32(const uint8_t* p) { return __builtin_bswap32(load_le32(p)); }
inline uint64_t load_le64(const uint8_t* p) {
  uint64_t v;
  std::memcpy(&v, p, 8);
  return v;
}
inline void store_le16(uint8_t* p, uint16_t v) {
  p[0] = static_cast<uint8_t>(v);
  p[1] = static_cast<uint8_t>(v >> 8);
}
inline void store_le32(uint8_t* p, uint32_t v) { std::memcpy(p, &v, 4); }
inline void store_le64(uint8_t* p, uint64_t v) { std::memcpy(p, &v, 8); }
// Both by one store, for 16 bytes that are loaded at once right afterwards, as ciphers load nonces and counters: a load
// that begins in the bytes of one recent store and ends in those of another waits until both have left for the cache, a
// dozen cycles.
inline void store_le64_pair(uint8_t* p, uint64_t first, uint64_t second) {
  using Pair [[gnu::vector_size(16)]] = uint64_t;
  const Pair pair{first, second};
  std::memcpy(p, &pair, sizeof pair);
}
static_assert(std::endian::native == std::endian::little, "Coffer's codecs assume a little-endian host");

// Reads fields from front to back. After the first read past the end every read returns zeros and ok() is false, so a
// decoder may read a whole record and check once.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  uint8_t u8() { return take(1) ? at_[0] : 0; }
  uint16_t u16() { return take(2) ? load_le16(at_) : 0; }
  uint32_t u32() { return take(4) ? load_le32(at_) : 0; }
  uint64_t u64() { return take(8) ? load_le64(at_) : 0; }
  Id id() {
    Id out;
    if (take(16)) std::memcpy(out.bytes.data(), at_, 16);
    return out;
  }
  // A view of the next `count` bytes, empty when there are fewer.
  ByteView bytes(size_t count) { return take(count) ? ByteView(at_, count) : ByteView(); }
  void copy_to(MutableBytes out) {
    if (take(out.size())) {
      if (!out.empty()) std::memcpy(out.data(), at_, out.size());
    } else {
      std::fill(out.begin(), out.end(), uint8_t{0});
    }
  }
  // A u8 or u16 length followed by that many bytes. Longer than `size_max` makes the reader fail.
  ByteView bytes8(size_t size_max) { return limited(u8(), size_max); }
  ByteView bytes16(size_t size_max) { return limited(u16(), size_max); }

  bool ok() const { return ok_; }
  // Everything was read and nothing is left.
  bool finished() const { return ok_ && rest_.empty(); }
  size_t remaining() const { return rest_.size(); }

 private:
  bool take(size_t count) {
    if (!ok_ || rest_.size() < count) {
      ok_ = false;
      return false;
    }
    at_ = rest_.data();
    rest_ = rest_.subspan(count);
    return true;
  }
  ByteView limited(size_t count, size_t size_max) {
    if (count > size_max) {
      ok_ = false;
      return {};
    }
    return bytes(count);
  }

  ByteView rest_;
  const uint8_t* at_ = nullptr;
  bool ok_ = true;
};

// Writes fields into memory of a size known beforehand. Writing past the end is refused and makes ok() false.
class Writer {
 public:
  explicit Writer(MutableBytes out) : rest_(out), size_(out.size()) {}

  void u8(uint8_t v) {
    if (uint8_t* p = take(1)) *p = v;
  }
  void u16(uint16_t v) {
    if (uint8_t* p = take(2)) store_le16(p, v);
  }
  void u32(uint32_t v) {
    if (uint8_t* p = take(4)) store_le32(p, v);
  }
  void u64(uint64_t v) {
    if (uint8_t* p = take(8)) store_le64(p, v);
  }
  void id(const Id& id) { bytes(id.bytes); }
  void bytes(ByteView v) {
    uint8_t* p = take(v.size());
    if (p != nullptr && !v.empty()) std::memcpy(p, v.data(), v.size());
  }
  void bytes8(ByteView v) {
    if (v.size() > UINT8_MAX) ok_ = false;
    u8(static_cast<uint8_t>(v.size()));
    bytes(v);
  }
  void bytes16(ByteView v) {
    if (v.size() > UINT16_MAX) ok_ = false;
    u16(static_cast<uint16_t>(v.size()));
    bytes(v);
  }
  void zeros(size_t count) {
    if (uint8_t* p = take(count); p != nullptr && count > 0) std::memset(p, 0, count);
  }

  bool ok() const { return ok_; }
  size_t written() const { return size_ - rest_.size(); }

 private:
  uint8_t* take(size_t count) {
    if (!ok_ || rest_.size() < count) {
      ok_ = false;
      return nullptr;
    }
    uint8_t* p = rest_.data();
    rest_ = rest_.subspan(count);
    return p;
  }

  MutableBytes rest_;
  size_t size_;
  bool ok_ = true;
};

}  // namespace coffer
