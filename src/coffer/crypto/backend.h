// Which implementation does the bulk of the work. Chosen once per process, at first use: Intel ipsec-mb where the CPU
// has AES instructions and the library passes its known-answer tests against OpenSSL, OpenSSL otherwise. The
// environment variable COFFER_CRYPTO=openssl|ipsec-mb forces one; a forced backend that is not usable, or another
// value, is an error.
#pragma once

#include <string_view>

#include "coffer/base/status.h"

namespace coffer {

enum class CryptoBackend { kOpenSsl, kIpsecMb };

// The backend in use, or why none is: every create() in crypto/ reports the same Status.
Result<CryptoBackend> crypto_backend();
std::string_view backend_name(CryptoBackend backend);

}  // namespace coffer
