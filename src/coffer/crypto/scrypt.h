// scrypt (RFC 7914) of a passphrase, with r = 8 and p = 1. Thread-safe. Not an algorithm of FIPS 140: kUnsupported
// where is_fips().
#pragma once

#include "coffer/base/secret.h"

namespace coffer {

// The binary logarithm of scrypt's N. It takes N KiB of memory, for as long as it runs: on OpenSSL's heap, which is
// wiped afterwards but not locked.
inline constexpr int kScryptLog2Min = 16;      // 64 MiB
inline constexpr int kScryptLog2Default = 17;  // 128 MiB
inline constexpr int kScryptLog2Max = 20;      // 1 GiB

// kInvalidArgument beyond these bounds, before any memory is taken; kLimitExceeded where there is not as much.
Result<SecretBytes> scrypt(ByteView passphrase, ByteView salt, int n_log2, size_t size);

}  // namespace coffer
