// AES key wrap with padding, KWP (RFC 5649, SP 800-38F), under a 32-byte key-encryption key. Thread-safe.
#pragma once

#include "coffer/base/secret.h"

namespace coffer {

struct WrapRole {};  // 32 bytes; derived for one file or slot, wraps one key
using WrapKey = Key<WrapRole>;

// 8 bytes more than the key, after rounding it up to a multiple of 8.
constexpr size_t wrapped_size(size_t key_size) { return (key_size + 7) / 8 * 8 + 8; }

// Keys of 1 to 4096 bytes.
Result<Bytes> kwp_wrap(const WrapKey& wrap_key, ByteView key);
// kWrongKey when the integrity check of RFC 5649 section 3 fails: another key wrapped it, or the bytes were altered.
// kDamaged when no wrapped key has that size.
Result<SecretBytes> kwp_unwrap(const WrapKey& wrap_key, ByteView wrapped);

}  // namespace coffer
