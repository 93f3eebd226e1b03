// What a slot keeps of a KMIP key: docs/format.md, section 7, "Handle of a KMIP key".
#pragma once

#include "coffer/keys/provider.h"
#include "coffer/providers/local_wrap.h"

namespace coffer::kmip {

enum class KeyWay : uint8_t {
  kFetched = 16,    // Get, and wrapped here
  kInService = 17,  // Encrypt and Decrypt by the server
};

struct KeyName {
  KeyWay way = KeyWay::kFetched;
  std::string id;                 // the server's Unique Identifier
  RootFingerprint fingerprint{};  // of a fetched key

  std::string text() const;  // "KMIP key 42, fingerprint 8a10…"
};

RootKeyHandle encode_handle(const KeyName& name);
// Nothing for a handle that is no KMIP key's.
std::optional<KeyName> decode_handle(const RootKeyHandle& handle);

}  // namespace coffer::kmip
