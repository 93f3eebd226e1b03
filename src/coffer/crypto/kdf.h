// HKDF (RFC 5869), HMAC-SHA-256 (RFC 2104), SHA-256, and comparison in constant time. All functions are thread-safe.
#pragma once

#include "coffer/base/secret.h"

namespace coffer {

using Sha256 = std::array<uint8_t, 32>;

// HKDF-Expand only: `prk` must be uniformly random. At most 255 hash lengths of output.
Status hkdf_expand_sha256(ByteView prk, ByteView info, MutableBytes out);
Status hkdf_expand_sha512(ByteView prk, ByteView info, MutableBytes out);
// Extract, then expand: for input that need not be uniform.
Status hkdf_sha256(ByteView input_key, ByteView salt, ByteView info, MutableBytes out);

// docs/format.md, "Derivation": HKDF-Expand-SHA-256(prk, "coffer/v1 " ‖ label ‖ 0x00 ‖ context).
// Together label and context are at most 256 bytes. Allocates nothing but the result.
Result<SecretBytes> derive(ByteView prk, std::string_view label, ByteView context, size_t size);

// label ‖ 0x00 ‖ context, as everything that is derived or authenticated for one purpose only begins.
Bytes labelled(std::string_view label, ByteView context);

Result<Sha256> hmac_sha256(ByteView key, ByteView data);
Result<Sha256> sha256(ByteView data);
// False when the sizes differ.
bool equal_constant_time(ByteView a, ByteView b);

}  // namespace coffer
