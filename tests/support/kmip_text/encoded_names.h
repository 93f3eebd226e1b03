// The CamelCase names of KMIP's XML and JSON encodings, and all enumerations and masks. Thread-safe.
#pragma once

#include "support/kmip_text/tag_names.h"

namespace coffer::kmip {

// In the specification's words; empty when it has none.
std::string_view enumerator_name(Tag tag, uint32_t value);

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
