#include "support/kmip_text/encoded_names.h"

#include <map>
#include <unordered_map>

#include "coffer/base/text.h"
#include "support/kmip_text/enumerations.h"

namespace coffer::kmip {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '_'; }

struct Enumeration {
  std::map<uint32_t, std::string_view> names;
  std::unordered_map<std::string, uint32_t> by_encoded_name;
};

// Enumerations and masks alike; a mask's members are numbered from 1, standing for bit number − 1.
class Tables {
 public:
  Tables() {
    for (size_t i = 0; i < kTagNames.size(); ++i) {
      if (kTagNames[i].empty()) continue;
      const Tag tag = static_cast<Tag>(kTagFirst + i);
      tags_by_encoded_name_.emplace(encoded_name(kTagNames[i]), tag);
    }
    for (const EnumerationText& text : kEnumerations) add(text, enumerations_);
    for (const EnumerationText& text : kOtherEnumerations) add(text, enumerations_);
    for (const EnumerationText& text : kMasks) add(text, masks_);
  }

  std::optional<Tag> find_encoded_tag(std::string_view name) const {
    const auto found = tags_by_encoded_name_.find(std::string(name));
    return found == tags_by_encoded_name_.end() ? std::nullopt : std::optional(found->second);
  }
  const Enumeration* enumeration(Tag tag) const { return find(enumerations_, tag); }
  const Enumeration* mask(Tag tag) const { return find(masks_, tag); }

 private:
  using ByTag = std::map<Tag, Enumeration>;

  void add(const EnumerationText& text, ByTag& to) {
    Enumeration out;
    each_member(text.members, [&](uint32_t value, std::string_view member) {
      out.names.emplace(value, member);
      out.by_encoded_name.emplace(encoded_name(member), value);
    });
    split(text.tags, '|', [&](std::string_view name) { to.emplace(spec_tag(name).value(), out); });
  }

  static const Enumeration* find(const ByTag& in, Tag tag) {
    const auto found = in.find(tag);
    return found == in.end() ? nullptr : &found->second;
  }

  std::unordered_map<std::string, Tag> tags_by_encoded_name_;
  ByTag enumerations_;
  ByTag masks_;
};

const Tables& tables() {
  static const Tables all;
  return all;
}

// Fields whose enumeration is that of the tags themselves.
bool names_tags(Tag tag) { return tag == "Tag"_spec || tag == "Attribute Reference"_tag; }

}  // namespace

std::string_view enumerator_name(Tag tag, uint32_t value) {
  if (names_tags(tag)) return spec_name(static_cast<Tag>(value));
  const Enumeration* enumeration = tables().enumeration(tag);
  if (enumeration == nullptr) return {};
  const auto found = enumeration->names.find(value);
  return found == enumeration->names.end() ? std::string_view() : found->second;
}

std::string encoded_name(std::string_view name) {
  std::string text(name);
  for (char& c : text) {
    if (c == '(' || c == ')') c = ' ';
  }
  for (size_t i = 0; i + 2 < text.size(); ++i) {
    if (!is_word(text[i]) && is_letter(text[i + 1]) && is_lower(text[i + 2])) text[i] = ' ';
  }
  std::string out;
  split(text, ' ', [&](std::string_view word) {
    std::string part;
    for (char c : word) part += is_word(c) ? c : '_';
    if (out.empty()) {
      size_t digits = 0;
      while (digits < part.size() && is_digit(part[digits])) ++digits;
      part = part.substr(digits) + part.substr(0, digits);
    }
    if (!part.empty() && is_lower(part[0])) part[0] = static_cast<char>(part[0] - 'a' + 'A');
    out += part;
  });
  return out;
}

std::string encoded_tag(Tag tag) {
  const std::string_view name = spec_name(tag);
  return name.empty() ? hex_number(number(tag), 6) : encoded_name(name);
}

std::string encoded_enumerator(Tag tag, uint32_t value) {
  const std::string_view name = enumerator_name(tag, value);
  return name.empty() ? hex_number(value, 8) : encoded_name(name);
}

std::optional<uint64_t> parse_hex_number(std::string_view text, size_t digits_max) {
  if (!text.starts_with("0x") || text.size() == 2 || text.size() > 2 + digits_max) return std::nullopt;
  uint64_t value = 0;
  for (char c : text.substr(2)) {
    if (hex_digit(c) < 0) return std::nullopt;
    value = value << 4 | static_cast<uint64_t>(hex_digit(c));
  }
  return value;
}

std::optional<Tag> find_encoded_tag(std::string_view text) {
  if (const auto value = parse_hex_number(text, 6)) {
    const Tag tag = static_cast<Tag>(*value);
    return is_known_range(tag) ? std::optional(tag) : std::nullopt;
  }
  return tables().find_encoded_tag(text);
}

std::optional<ItemType> find_encoded_type(std::string_view text) {
  for (uint8_t i = 1; !type_name(ItemType{i}).empty(); ++i) {
    if (encoded_name(type_name(ItemType{i})) == text) return ItemType{i};
  }
  return std::nullopt;
}

std::optional<uint32_t> find_encoded_enumerator(Tag tag, std::string_view text) {
  if (const auto value = parse_hex_number(text, 8)) return static_cast<uint32_t>(*value);
  if (names_tags(tag)) {
    const auto named = tables().find_encoded_tag(text);
    return named ? std::optional(number(*named)) : std::nullopt;
  }
  const Enumeration* enumeration = tables().enumeration(tag);
  if (enumeration == nullptr) return std::nullopt;
  const auto found = enumeration->by_encoded_name.find(std::string(text));
  return found == enumeration->by_encoded_name.end() ? std::nullopt : std::optional(found->second);
}

bool is_mask(Tag tag) { return tables().mask(tag) != nullptr; }

std::string encoded_mask(Tag tag, uint32_t value, char separator) {
  std::string out;
  uint32_t unnamed = value;
  if (const Enumeration* mask = tables().mask(tag)) {
    for (const auto& [place, name] : mask->names) {
      const uint32_t bit = uint32_t{1} << (place - 1);
      if ((value & bit) == 0) continue;
      if (!out.empty()) out += separator;
      out += encoded_name(name);
      unnamed &= ~bit;
    }
  }
  if (unnamed != 0) {
    if (!out.empty()) out += separator;
    out += hex_number(unnamed, 8);
  }
  return out;
}

std::optional<uint32_t> find_encoded_mask(Tag tag, std::string_view text, char separator) {
  const Enumeration* mask = tables().mask(tag);
  if (mask == nullptr) return std::nullopt;
  uint32_t value = 0;
  bool known = true;
  if (text.empty()) return value;
  split(text, separator, [&](std::string_view part) {
    if (part.empty() && separator == ' ') return;  // XML's lists have any number of blanks between their parts
    const auto found = mask->by_encoded_name.find(std::string(part));
    if (found != mask->by_encoded_name.end()) {
      value |= uint32_t{1} << (found->second - 1);
    } else if (const auto bits = parse_hex_number(part, 8)) {
      value |= static_cast<uint32_t>(*bits);
    } else {
      known = false;
    }
  });
  return known ? std::optional(value) : std::nullopt;
}

}  // namespace coffer::kmip
