// What a slot keeps of a KMIP key: docs/format.md, section 7, "Handles".
#pragma once

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

// Nothing for a handle that is no KMIP key's.
std::optional<KeyName> decode_handle(const RootKeyHandle& handle);
bool is_id(std::string_view text);

}  // namespace coffer::kmip
