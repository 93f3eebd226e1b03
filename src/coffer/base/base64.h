// Base64 (RFC 4648) between secrets: nothing passes through ordinary memory.
#pragma once

#include <string>

#include "coffer/base/secret.h"

namespace coffer {

enum class Base64Alphabet { kStandard, kUrl };

// kInvalidArgument for a character that is not in the alphabet, a wrong length, wrong padding (which may be left out as
// a whole) or stray bits at the end. Messages say nothing of the contents.
Result<SecretBytes> decode_base64(ByteView text, Base64Alphabet alphabet);

constexpr size_t base64_size(size_t size) { return (size + 2) / 3 * 4; }
// The standard alphabet, with padding. REQUIRES: out.size() == base64_size(bytes.size())
void encode_base64(ByteView bytes, MutableBytes out);

constexpr size_t base64url_size(size_t size) { return (size * 8 + 5) / 6; }
// Without padding. REQUIRES: out.size() == base64url_size(bytes.size())
void encode_base64url(ByteView bytes, MutableBytes out);

// The same as text, of what is no secret.
std::string base64_text(ByteView bytes);
std::string base64url_text(ByteView bytes);

}  // namespace coffer
