#include "coffer/base/text.h"

#include <algorithm>

#include "coffer/base/bytes.h"
#include "coffer/base/check.h"

namespace coffer {
namespace {

constexpr std::string_view kWhiteSpace = "\t\n\v\f\r";

}  // namespace

bool has_control(std::string_view text) { return std::any_of(text.begin(), text.end(), is_control); }

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_control(c)) {
      out += "\\x" + to_hex(as_bytes({&c, 1}));
    } else {
      out += c;
    }
  }
  return out;
}

std::string excerpt(std::string_view text, size_t size_max) {
  // What is not UTF-8 ends it, too.
  std::string_view rest = text;
  while (!rest.empty() && text.size() - rest.size() < size_max && take_character(rest)) {
  }
  std::string out(text.substr(0, text.size() - rest.size()));
  for (char& c : out) {
    if (kWhiteSpace.find(c) != std::string_view::npos) c = ' ';
  }
  out = printable(out);
  while (out.ends_with('.') || out.ends_with(' ')) out.pop_back();
  return rest.empty() ? out : out + "…";
}

std::string_view trimmed(std::string_view text, std::string_view blanks) {
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return out;
}

std::optional<uint32_t> take_character(std::string_view& text) {
  COFFER_REQUIRE(!text.empty(), "a character is taken off text that has one");
  const auto lead = static_cast<uint8_t>(text.front());
  const size_t size = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
  if (size == 0 || text.size() < size) return std::nullopt;
  uint32_t point = size == 1 ? lead : lead & (0x7F >> size);
  for (size_t i = 1; i < size; ++i) {
    const auto next = static_cast<uint8_t>(text[i]);
    if (next >> 6 != 2) return std::nullopt;
    point = point << 6 | (next & 0x3F);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < kLeast[size] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return std::nullopt;
  text.remove_prefix(size);
  return point;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    if (!take_character(text)) return false;
  }
  return true;
}

size_t put_character(uint32_t point, uint8_t* out) {
  if (point < 0x80) {
    out[0] = static_cast<uint8_t>(point);
    return 1;
  }
  const size_t size = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  constexpr uint8_t kLead[] = {0, 0, 0xC0, 0xE0, 0xF0};
  for (size_t i = size; i-- > 1; point >>= 6) out[i] = static_cast<uint8_t>(0x80 | (point & 0x3F));
  out[0] = static_cast<uint8_t>(kLead[size] | point);
  return size;
}

}  // namespace coffer
