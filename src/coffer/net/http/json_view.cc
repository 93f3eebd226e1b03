#include "coffer/net/http/json_view.h"

#include <charconv>

#include "coffer/base/base64.h"
#include "coffer/base/text.h"

namespace coffer::http {
namespace {

// Four hexadecimal digits; -1 when they are not there.
int32_t code_unit(std::string_view text) {
  if (text.size() < 4) return -1;
  int32_t unit = 0;
  for (char c : text.substr(0, 4)) {
    const int digit = hex_digit(c);
    if (digit < 0) return -1;
    unit = unit << 4 | digit;
  }
  return unit;
}

struct Character {
  uint32_t code_point = 0;
  size_t size = 0;  // of the escape, its backslash included; 0: no escape
};

Character unicode_escape(std::string_view text) {
  const int32_t first = code_unit(text.substr(2));
  if (first < 0 || (first >= 0xdc00 && first < 0xe000)) return {};
  if (first < 0xd800 || first >= 0xe000) return {static_cast<uint32_t>(first), 6};
  if (text.size() < 12 || text[6] != '\\' || text[7] != 'u') return {};
  const int32_t second = code_unit(text.substr(8));
  if (second < 0xdc00 || second >= 0xe000) return {};
  return {0x10000u + (static_cast<uint32_t>(first - 0xd800) << 10) + static_cast<uint32_t>(second - 0xdc00), 12};
}

// Of text that begins with a backslash.
Character escape(std::string_view text) {
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeaning = "\"\\/\b\f\n\r\t";
  if (text.size() < 2) return {};
  if (text[1] == 'u') return unicode_escape(text);
  const size_t index = kLetters.find(text[1]);
  if (index == std::string_view::npos) return {};
  return {static_cast<uint8_t>(kMeaning[index]), 2};
}

// What stands between the quotes of a string that was found well formed. Returns how many of the bytes of `out`, which
// has at least as many as `raw`, are used.
size_t unescape(std::string_view raw, uint8_t* out) {
  size_t written = 0;
  for (size_t at = 0; at < raw.size();) {
    if (raw[at] != '\\') {
      out[written++] = static_cast<uint8_t>(raw[at++]);
      continue;
    }
    const Character character = escape(raw.substr(at));
    if (character.size == 0) return written;
    written += put_character(character.code_point, out + written);
    at += character.size;
  }
  return written;
}

bool unescapes_to(std::string_view raw, std::string_view name) {
  if (raw.find('\\') == std::string_view::npos) return raw == name;
  SecretBytes out(raw.size());
  return as_text(out.reveal().first(unescape(raw, out.reveal_mutable().data()))) == name;
}

std::optional<int64_t> integer_of(std::string_view text) {
  int64_t out = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, out);
  if (text.empty() || error != std::errc() || rest != end) return std::nullopt;
  return out;
}

// Goes through JSON text; each function that returns false has found something that is not JSON.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  size_t at() const { return at_; }
  bool at_end() const { return at_ == text_.size(); }
  std::string_view since(size_t start) const { return text_.substr(start, at_ - start); }

  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }
  bool skip(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool value(int depth) {
    if (depth > kJsonDepthMax || at_end()) return false;
    switch (text_[at_]) {
      case '{':
      case '[': return children(depth, [](std::string_view, std::string_view) {});
      case '"': {
        std::string_view raw;
        return string(raw);
      }
      default: return literal("true") || literal("false") || literal("null") || number();
    }
  }

  bool string(std::string_view& raw) {
    if (!skip('"')) return false;
    const size_t start = at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (static_cast<uint8_t>(text_[at_]) < 0x20) return false;
      const size_t size = text_[at_] == '\\' ? escape(text_.substr(at_)).size : 1;
      if (size == 0) return false;
      at_ += size;
    }
    raw = since(start);
    return skip('"');
  }

  // Of an object or array: calls visit(name, value), both as they are written; names of elements are empty.
  template <class Visit>
  bool children(int depth, Visit visit) {
    const bool is_object = skip('{');
    const char close = is_object ? '}' : ']';
    if (!is_object && !skip('[')) return false;
    skip_space();
    if (skip(close)) return true;
    do {
      std::string_view name;
      skip_space();
      if (is_object && !member_name(name)) return false;
      const size_t start = at_;
      if (!value(depth + 1)) return false;
      visit(name, since(start));
      skip_space();
    } while (skip(','));
    return skip(close);
  }

 private:
  // With its colon and the space behind it.
  bool member_name(std::string_view& raw) {
    if (!string(raw)) return false;
    skip_space();
    if (!skip(':')) return false;
    skip_space();
    return true;
  }

  bool literal(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  bool digits() {
    const size_t start = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ > start;
  }

  bool number() {
    skip('-');
    if (!skip('0') && !digits()) return false;
    if (skip('.') && !digits()) return false;
    if (!skip('e') && !skip('E')) return true;
    if (!skip('+')) skip('-');
    return digits();
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<JsonView> JsonView::parse(ByteView text) {
  Scanner scanner(as_text(text));
  scanner.skip_space();
  const size_t start = scanner.at();
  if (scanner.value(0)) {
    const JsonView view(scanner.since(start));
    scanner.skip_space();
    if (scanner.at_end()) return view;
  }
  return {Code::kTampered, "not JSON, at byte " + std::to_string(scanner.at())};
}

JsonView JsonView::operator[](std::string_view name) const {
  JsonView found;
  if (!is_object()) return found;
  Scanner(value_).children(0, [&](std::string_view raw, std::string_view value) {
    if (unescapes_to(raw, name)) found.value_ = value;
  });
  return found;
}

JsonView JsonView::at(size_t index) const {
  JsonView found;
  size_t count = 0;
  if (!is_array()) return found;
  Scanner(value_).children(0, [&](std::string_view, std::string_view value) {
    if (count++ == index) found.value_ = value;
  });
  return found;
}

size_t JsonView::element_count() const {
  size_t count = 0;
  if (is_array()) Scanner(value_).children(0, [&](std::string_view, std::string_view) { ++count; });
  return count;
}

std::vector<JsonView> JsonView::elements() const {
  std::vector<JsonView> out;
  if (is_array()) {
    Scanner(value_).children(0, [&](std::string_view, std::string_view value) { out.push_back(JsonView(value)); });
  }
  return out;
}

std::optional<SecretBytes> JsonView::secret(size_t size_max) const {
  if (!is_string()) return std::nullopt;
  const std::string_view raw = value_.substr(1, value_.size() - 2);
  SecretBytes out(raw.size());
  const size_t size = unescape(raw, out.reveal_mutable().data());
  if (size > size_max) return std::nullopt;
  if (size == out.size()) return out;
  return SecretBytes::copy_of(out.reveal().first(size));
}

std::optional<std::string> JsonView::text(size_t size_max) const {
  const std::optional<SecretBytes> out = secret(size_max);
  if (!out.has_value()) return std::nullopt;
  return std::string(as_text(out->reveal()));
}

std::optional<int64_t> JsonView::number() const { return integer_of(value_); }

std::optional<int64_t> JsonView::number_or_text() const {
  return is_string() ? integer_of(value_.substr(1, value_.size() - 2)) : number();
}

std::optional<bool> JsonView::boolean() const {
  if (value_ == "true") return true;
  if (value_ == "false") return false;
  return std::nullopt;
}

Result<SecretBytes> json_secret(const JsonView& object, std::string_view name, size_t size_max) {
  std::optional<SecretBytes> out = object[name].secret(size_max);
  if (out.has_value()) return std::move(*out);
  return {Code::kTampered,
          "the answer has no \"" + std::string(name) + "\" of at most " + std::to_string(size_max) + " bytes"};
}

Result<std::string> json_text(const JsonView& object, std::string_view name, size_t size_max) {
  COFFER_ASSIGN(const SecretBytes out, json_secret(object, name, size_max));
  return std::string(as_text(out.reveal()));
}

Result<SecretBytes> json_base64(const JsonView& object, std::string_view name, size_t size_max) {
  COFFER_ASSIGN(const SecretBytes text, json_secret(object, name, base64_size(size_max)));
  auto out = decode_base64(text.reveal(), Base64Alphabet::kStandard);
  if (!out.is_ok() || out->size() > size_max) {
    return {Code::kTampered, "the answer's \"" + std::string(name) + "\" is not base64 of at most " +
                                 std::to_string(size_max) + " bytes"};
  }
  return out;
}

}  // namespace coffer::http
