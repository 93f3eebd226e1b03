// Does a backend compute what OpenSSL computes? Asked once for each algorithm, before the backend is trusted with data.
// Internal to crypto/.
#pragma once

#include "coffer/crypto/backend.h"

namespace coffer {

// Ok, or kUnsupported naming the first thing that differs. Each takes some tenths of a millisecond.
Status check_suite_against_openssl(const SuiteInfo& info, const CryptoBackend& backend);
Status check_gmac_against_openssl(const CryptoBackend& backend);

}  // namespace coffer
