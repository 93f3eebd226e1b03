#include "coffer/providers/keystore/der.h"

namespace coffer::keystore {

bool DerReader::measure(size_t& header, size_t& contents) const {
  constexpr size_t kLengthBytesMax = 4;
  if (!ok_ || rest_.size() < 2 || (rest_[0] & 0x1f) == 0x1f) return false;
  header = 2;
  contents = rest_[1];
  if (contents >= 0x80) {
    const size_t count = contents & 0x7f;
    if (count == 0 || count > kLengthBytesMax || rest_.size() < 2 + count || rest_[2] == 0) return false;
    contents = 0;
    for (size_t i = 0; i < count; ++i) contents = contents << 8 | rest_[2 + i];
    if (contents < 0x80) return false;
    header += count;
  }
  return contents <= rest_.size() - header;
}

ByteView DerReader::take_element() {
  size_t header = 0, contents = 0;
  if (!measure(header, contents)) {
    ok_ = false;
    return {};
  }
  const ByteView out = rest_.first(header + contents);
  rest_ = rest_.subspan(header + contents);
  return out;
}

ByteView DerReader::take(Tag tag) {
  size_t header = 0, contents = 0;
  if (!next_is(tag) || !measure(header, contents)) {
    ok_ = false;
    return {};
  }
  return take_element().subspan(header);
}

uint32_t DerReader::number() {
  const ByteView bytes = take(Tag::kInteger);
  const bool shortest = bytes.size() < 2 || bytes[0] != 0 || bytes[1] >= 0x80;
  if (bytes.empty() || bytes.size() > 4 || bytes[0] >= 0x80 || !shortest) {
    ok_ = false;
    return 0;
  }
  uint32_t out = 0;
  for (const uint8_t byte : bytes) out = out << 8 | byte;
  return out;
}

Bytes der(Tag tag, std::initializer_list<ByteView> parts) {
  size_t size = 0;
  for (const ByteView part : parts) size += part.size();
  Bytes out = {static_cast<uint8_t>(tag)};
  if (size < 0x80) {
    out.push_back(static_cast<uint8_t>(size));
  } else {
    Bytes length;
    for (size_t rest = size; rest > 0; rest >>= 8) length.insert(length.begin(), static_cast<uint8_t>(rest));
    out.push_back(static_cast<uint8_t>(0x80 | length.size()));
    out.insert(out.end(), length.begin(), length.end());
  }
  for (const ByteView part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

Bytes der(Tag tag, ByteView contents) { return der(tag, {contents}); }

Bytes der_number(uint32_t value) {
  Bytes bytes;
  do {
    bytes.insert(bytes.begin(), static_cast<uint8_t>(value));
    value >>= 8;
  } while (value > 0);
  if (bytes.front() >= 0x80) bytes.insert(bytes.begin(), 0);
  return der(Tag::kInteger, bytes);
}

}  // namespace coffer::keystore
