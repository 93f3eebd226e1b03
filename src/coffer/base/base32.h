// Base32 (RFC 4648) in lower case and without padding: for names of files, on any disk, also where case makes no
// difference.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "coffer/base/bytes.h"

namespace coffer {

constexpr size_t base32_size(size_t size) { return (size * 8 + 4) / 5; }
std::string encode_base32(ByteView bytes);
// Nothing for a character that is not in the alphabet, a length that no text has, or stray bits at the end.
std::optional<Bytes> decode_base32(std::string_view text);

}  // namespace coffer
