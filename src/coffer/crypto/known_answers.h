// Does a backend compute what OpenSSL computes? Asked once, before the backend is trusted with data. Internal to
// crypto/.
#pragma once

#include "coffer/crypto/backend.h"

namespace coffer {

// Ok, or kUnsupported naming the first thing that differs. Takes less than a millisecond.
Status check_against_openssl(const CryptoBackend& backend);

}  // namespace coffer
