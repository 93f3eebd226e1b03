// Text that others gave us: what may be shown of it, and its UTF-8, blanks and digits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace coffer {

// What a terminal would interpret instead of showing it.
constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool has_control(std::string_view text);
// With control characters written as "\\x1b".
std::string printable(std::string_view text);
// The same of what a service said, for an error: white space as blanks; cut after some `size_max` bytes or where it is
// not UTF-8, without dots and blanks at the end.
std::string excerpt(std::string_view text, size_t size_max = 256);

// Without what is in `blanks` at both ends.
std::string_view trimmed(std::string_view text, std::string_view blanks = " \t\r\n");

// Of ASCII only: what names of hosts, headers and keys are made of.
constexpr bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
std::string lower_case(std::string_view text);

// -1 for what is none.
constexpr int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Takes the first character off text in UTF-8. Nothing for what is not well formed: overlong forms, surrogates and
// numbers above U+10FFFF included. REQUIRES: !text.empty()
std::optional<uint32_t> take_character(std::string_view& text);
bool is_utf8(std::string_view text);
// Writes a character as UTF-8 to `out`, which has room for 4 bytes; returns how many it takes. Points that are no
// characters yield bytes that is_utf8() refuses.
size_t put_character(uint32_t point, uint8_t* out);

}  // namespace coffer
