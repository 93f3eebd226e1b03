// What a slot keeps of a KMIP key: docs/format.md, section 7, "Handles".
#pragma once

#include "coffer/net/kmip/client.h"
#include "coffer/providers/root.h"

namespace coffer::kmip {

inline constexpr std::string_view kScheme = "kmip";

enum class KeyWay {
  kFetched,    // Get, and wrapped here
  kInService,  // Encrypt and Decrypt by the server
};

struct KeyName {
  KeyWay way = KeyWay::kFetched;
  std::string id;  // the server's Unique Identifier
};

inline bool is_id(std::string_view text) { return !text.empty() && text.size() <= kIdSizeMax && is_utf8(text); }

// Nothing for a handle that is no KMIP key's.
inline std::optional<KeyName> decode_handle(const RootKeyHandle& handle) {
  const std::optional<KeyFields> fields = coffer::decode_handle(kScheme, handle);
  if (!fields.has_value() || fields->empty() || fields->size() > 2 || !is_id(fields->back())) return std::nullopt;
  return KeyName{fields->size() == 1 ? KeyWay::kInService : KeyWay::kFetched, fields->back()};
}

}  // namespace coffer::kmip
