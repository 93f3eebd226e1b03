#include "coffer/net/kmip/names.h"

#include <algorithm>

#include "coffer/net/kmip/enumerations.h"

namespace coffer::kmip {
namespace {

constexpr std::string_view kTypeNames[] = {"Structure",   "Integer",  "Long Integer",      "Big Integer",
                                           "Enumeration", "Boolean",  "Text String",       "Byte String",
                                           "Date Time",   "Interval", "Date Time Extended"};

}  // namespace

std::string_view tag_name(Tag tag) {
  const uint32_t index = number(tag) - kTagFirst;
  return number(tag) >= kTagFirst && index < kTagNames.size() ? kTagNames[index] : std::string_view();
}

std::string_view type_name(ItemType type) {
  const size_t index = static_cast<size_t>(type) - 1;
  return index < std::size(kTypeNames) ? kTypeNames[index] : std::string_view();
}

std::optional<Tag> find_tag(std::string_view name) {
  const auto found = std::ranges::find(kTagNames, name);
  if (name.empty() || found == kTagNames.end()) return std::nullopt;
  return static_cast<Tag>(kTagFirst + static_cast<uint32_t>(found - kTagNames.begin()));
}

std::string hex_number(uint32_t value, int digits) {
  std::string out = "0x";
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += "0123456789ABCDEF"[value >> shift & 15];
  return out;
}

std::string describe_tag(Tag tag) {
  const std::string_view name = tag_name(tag);
  return name.empty() ? hex_number(number(tag), 6) : std::string(name);
}

std::string describe_enumerator(Tag tag, uint32_t value) {
  std::string_view found;
  for (const EnumerationText& enumeration : kEnumerations) {
    if (enumeration.tags != tag_name(tag)) continue;
    each_member(enumeration, [&](uint32_t number, std::string_view name) {
      if (number == value) found = name;
    });
  }
  return found.empty() ? hex_number(value, 8) : std::string(found);
}

}  // namespace coffer::kmip
