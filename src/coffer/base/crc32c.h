// CRC-32C (Castagnoli, RFC 3720 appendix B.4), hardware-accelerated by ISA-L. Tells accident from intent: it is a
// checksum, never an authenticator.
#pragma once

#include "coffer/base/bytes.h"

namespace coffer {

// The CRC of everything fed so far, starting from crc32c({}) == 0; chaining calls equals one call on the concatenation.
uint32_t crc32c_extend(uint32_t crc, ByteView bytes);
inline uint32_t crc32c(ByteView bytes) { return crc32c_extend(0, bytes); }

}  // namespace coffer
