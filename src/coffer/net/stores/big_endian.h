// Bounds-checked big-endian reading, as Java's DataInput has it. Views are into what is read.
#pragma once

#include "coffer/base/bytes.h"

namespace coffer::keystore {

// After the first read past the end every read returns zeros or nothing, and ok() is false.
class BigEndianReader {
 public:
  explicit BigEndianReader(ByteView bytes) : rest_(bytes) {}

  uint8_t u8() { return static_cast<uint8_t>(number(1)); }
  uint16_t u16() { return static_cast<uint16_t>(number(2)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  uint64_t u64() { return number(8); }
  ByteView bytes(size_t count) {
    if (!ok_ || rest_.size() < count) {
      ok_ = false;
      return {};
    }
    const ByteView out = rest_.first(count);
    rest_ = rest_.subspan(count);
    return out;
  }
  // A size in two bytes and that many bytes: text in Java's UTF-8, whose differences matter to no name of ours.
  std::string_view text() { return as_text(bytes(u16())); }
  // The same with a size in four bytes.
  ByteView block() { return bytes(u32()); }

  void fail() { ok_ = false; }
  bool ok() const { return ok_; }
  bool finished() const { return ok_ && rest_.empty(); }
  size_t remaining() const { return rest_.size(); }

 private:
  uint64_t number(size_t size) {
    uint64_t out = 0;
    for (const uint8_t byte : bytes(size)) out = out << 8 | byte;
    return out;
  }

  ByteView rest_;
  bool ok_ = true;
};

}  // namespace coffer::keystore
