// Names of KMIP tags, types and enumerations: from numbers to the specification's words, and from a tag's back.
#pragma once

#include <optional>
#include <string>

#include "coffer/net/kmip/tag_names.h"

namespace coffer::kmip {

// A field's tag. Any 24-bit number may come from a peer; those of the specification are written "Unique
// Identifier"_tag.
enum class Tag : uint32_t {};
// KMIP's own tags, and those for extensions.
constexpr bool is_known_range(Tag tag) {
  const uint32_t first = static_cast<uint32_t>(tag) >> 16;
  return first == 0x42 || first == 0x54;
}

constexpr uint32_t number(Tag tag) { return static_cast<uint32_t>(tag); }

// Clang 14 calls it at run time even so, and then does not find it.
#if defined(__clang__) && __clang_major__ < 15
#define COFFER_KMIP_CONSTEVAL constexpr
#else
#define COFFER_KMIP_CONSTEVAL consteval
#endif

COFFER_KMIP_CONSTEVAL Tag operator""_tag(const char* name, size_t size) {
  for (size_t i = 0; i < kTagNames.size(); ++i) {
    if (kTagNames[i] == std::string_view(name, size)) return static_cast<Tag>(kTagFirst + i);
  }
  throw "KMIP has no tag of this name";
}

enum class ItemType : uint8_t {
  kStructure = 1,
  kInteger = 2,
  kLongInteger = 3,
  kBigInteger = 4,
  kEnumeration = 5,
  kBoolean = 6,
  kTextString = 7,
  kByteString = 8,
  kDateTime = 9,
  kInterval = 10,
  kDateTimeExtended = 11,
};

// In the specification's words; empty when it has none.
std::string_view tag_name(Tag tag);
std::string_view type_name(ItemType type);
std::optional<Tag> find_tag(std::string_view name);

// For people: the name, or the number as 0x… when there is none.
std::string describe_tag(Tag tag);
std::string describe_enumerator(Tag tag, uint32_t value);  // of the fields in enumerations.h
std::string hex_number(uint32_t value, int digits);        // "0x…", in capitals

}  // namespace coffer::kmip
