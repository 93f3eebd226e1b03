// Names of KMIP tags, types and enumerations: from numbers to the specification's words and back, and the CamelCase
// forms that its XML and JSON encodings use. Thread-safe.
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
std::string_view enumerator_name(Tag tag, uint32_t value);
std::optional<Tag> find_tag(std::string_view name);

// For people: the name, or the number as 0x… when there is none.
std::string describe_tag(Tag tag);
std::string describe_enumerator(Tag tag, uint32_t value);

// The forms of the XML and JSON encodings (KMIP Profiles 1.4 section 5.4.1.1): "Unique Identifier" →
// "UniqueIdentifier", "X.509 Certificate Issuer" → "X_509CertificateIssuer", "3DES" → "DES3".
std::string encoded_name(std::string_view name);
std::string encoded_tag(Tag tag);                            // or 0x…
std::string encoded_enumerator(Tag tag, uint32_t value);     // or 0x…
std::optional<Tag> find_encoded_tag(std::string_view text);  // accepts 0x…, 24 bits at most
std::optional<ItemType> find_encoded_type(std::string_view text);
std::optional<uint32_t> find_encoded_enumerator(Tag tag, std::string_view text);  // accepts 0x…

// Integers that are sets of bits with names.
bool is_mask(Tag tag);
// The names joined by `separator`, bits without a name as one last 0x…; "" for 0.
std::string encoded_mask(Tag tag, uint32_t value, char separator);
std::optional<uint32_t> find_encoded_mask(Tag tag, std::string_view text, char separator);

// What "0x…" of at most `digits_max` digits stands for.
std::optional<uint64_t> parse_hex_number(std::string_view text, size_t digits_max);

}  // namespace coffer::kmip
