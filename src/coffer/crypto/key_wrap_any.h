// KWP under a key-encryption key of any AES size: what key_wrap.h is made of, and what published vectors need.
// Internal.
#pragma once

#include "coffer/base/secret.h"

namespace coffer {

// `wrap_key` has 16, 24 or 32 bytes; otherwise as in key_wrap.h.
Result<Bytes> kwp_wrap_any(ByteView wrap_key, ByteView key);
Result<SecretBytes> kwp_unwrap_any(ByteView wrap_key, ByteView wrapped);

}  // namespace coffer
