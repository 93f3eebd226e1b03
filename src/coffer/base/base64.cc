#include "coffer/base/base64.h"

#include "coffer/base/check.h"

namespace coffer {
namespace {

constexpr std::string_view kStandardDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int digit_of(uint8_t c, Base64Alphabet alphabet) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  const bool url = alphabet == Base64Alphabet::kUrl;
  if (c == (url ? '-' : '+')) return 62;
  if (c == (url ? '_' : '/')) return 63;
  return -1;
}

// How many digits were written.
size_t encode(ByteView bytes, MutableBytes out, std::string_view digits) {
  size_t written = 0, bit_count = 0;
  uint32_t bits = 0;
  for (uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    bit_count += 8;
    while (bit_count >= 6) {
      bit_count -= 6;
      out[written++] = static_cast<uint8_t>(digits[bits >> bit_count & 63]);
    }
    bits &= (1u << bit_count) - 1;
  }
  if (bit_count > 0) out[written++] = static_cast<uint8_t>(digits[bits << (6 - bit_count) & 63]);
  return written;
}

}  // namespace

Result<SecretBytes> decode_base64(ByteView text, Base64Alphabet alphabet) {
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  const ByteView digits = text.first(text.size() - padding);
  if (digits.size() % 4 == 1 || (padding != 0 && text.size() % 4 != 0)) {
    return {Code::kInvalidArgument, "base64 text of a length that cannot be"};
  }
  SecretBytes bytes(digits.size() * 6 / 8);
  MutableBytes out = bytes.reveal_mutable();
  uint32_t bits = 0;
  size_t bit_count = 0, written = 0;
  for (uint8_t c : digits) {
    const int digit = digit_of(c, alphabet);
    if (digit < 0) return {Code::kInvalidArgument, "a character that is not base64"};
    bits = bits << 6 | static_cast<uint32_t>(digit);
    bit_count += 6;
    if (bit_count < 8) continue;
    bit_count -= 8;
    out[written++] = static_cast<uint8_t>(bits >> bit_count);
    bits &= (1u << bit_count) - 1;
  }
  if (bits != 0) return {Code::kInvalidArgument, "base64 text whose last character has stray bits"};
  return bytes;
}

void encode_base64(ByteView bytes, MutableBytes out) {
  COFFER_REQUIRE(out.size() == base64_size(bytes.size()), "base64 text has exactly the size of its bytes");
  const size_t written = encode(bytes, out, kStandardDigits);
  for (size_t at = written; at < out.size(); ++at) out[at] = '=';
}

void encode_base64url(ByteView bytes, MutableBytes out) {
  COFFER_REQUIRE(out.size() == base64url_size(bytes.size()), "base64url text has exactly the size of its bytes");
  encode(bytes, out, kUrlDigits);
}

std::string base64_text(ByteView bytes) {
  std::string out(base64_size(bytes.size()), '\0');
  encode_base64(bytes, {reinterpret_cast<uint8_t*>(out.data()), out.size()});
  return out;
}

std::string base64url_text(ByteView bytes) {
  std::string out(base64url_size(bytes.size()), '\0');
  encode_base64url(bytes, {reinterpret_cast<uint8_t*>(out.data()), out.size()});
  return out;
}

}  // namespace coffer
