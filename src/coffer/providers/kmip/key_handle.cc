#include "coffer/providers/kmip/key_handle.h"

#include "coffer/net/kmip/client.h"

namespace coffer::kmip {

std::optional<KeyName> decode_handle(const RootKeyHandle& handle) {
  const std::optional<KeyFields> fields = coffer::decode_handle(kScheme, handle);
  if (!fields.has_value() || fields->empty() || fields->size() > 2 || !is_id(fields->back())) return std::nullopt;
  return KeyName{fields->size() == 1 ? KeyWay::kInService : KeyWay::kFetched, fields->back()};
}

bool is_id(std::string_view text) { return !text.empty() && text.size() <= kIdSizeMax && is_utf8(text); }

}  // namespace coffer::kmip
