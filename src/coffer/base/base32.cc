#include "coffer/base/base32.h"

namespace coffer {
namespace {

constexpr std::string_view kDigits = "abcdefghijklmnopqrstuvwxyz234567";
constexpr uint32_t kBitsOfDigit = 5, kBitsOfByte = 8;

}  // namespace

std::string encode_base32(ByteView bytes) {
  std::string out;
  out.reserve(base32_size(bytes.size()));
  uint32_t bits = 0, count = 0;
  for (const uint8_t byte : bytes) {
    bits = bits << kBitsOfByte | byte;
    for (count += kBitsOfByte; count >= kBitsOfDigit;) {
      count -= kBitsOfDigit;
      out += kDigits[bits >> count & 31];
    }
    bits &= (1u << count) - 1;
  }
  if (count > 0) out += kDigits[bits << (kBitsOfDigit - count) & 31];
  return out;
}

std::optional<Bytes> decode_base32(std::string_view text) {
  Bytes out;
  out.reserve(text.size() * kBitsOfDigit / kBitsOfByte);
  uint32_t bits = 0, count = 0;
  for (const char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << kBitsOfDigit | static_cast<uint32_t>(digit);
    count += kBitsOfDigit;
    if (count < kBitsOfByte) continue;
    count -= kBitsOfByte;
    out.push_back(static_cast<uint8_t>(bits >> count));
    bits &= (1u << count) - 1;
  }
  if (bits != 0 || count >= kBitsOfDigit) return std::nullopt;
  return out;
}

}  // namespace coffer
