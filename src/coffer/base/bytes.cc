#include "coffer/base/bytes.h"

#include <algorithm>

#include "coffer/base/text.h"

namespace coffer {

std::string to_hex(ByteView bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (uint8_t byte : bytes) {
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

Result<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return {Code::kInvalidArgument, "hexadecimal text has an odd number of digits"};
  Bytes out(text.size() / 2);
  for (size_t i = 0; i < out.size(); ++i) {
    int high = hex_digit(text[2 * i]);
    int low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return {Code::kInvalidArgument, "not a hexadecimal digit"};
    out[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return out;
}

Result<Id> Id::parse(std::string_view hex) {
  COFFER_ASSIGN(Bytes raw, from_hex(hex));
  Id id;
  if (raw.size() != id.bytes.size()) return {Code::kInvalidArgument, "an id has 32 hexadecimal digits"};
  std::copy(raw.begin(), raw.end(), id.bytes.begin());
  return id;
}

void Buffer::reserve(size_t capacity) {
  if (capacity <= capacity_) return;
  size_t grown = std::max(capacity, capacity_ + capacity_ / 2);
  std::unique_ptr<uint8_t[]> data(new uint8_t[grown]);
  if (size_ > 0) std::memcpy(data.get(), data_.get(), size_);
  data_ = std::move(data);
  capacity_ = grown;
}

}  // namespace coffer
