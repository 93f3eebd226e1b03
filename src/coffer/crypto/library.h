// Whose algorithms this copy of Coffer uses: those of the process's own OpenSSL, with ipsec-mb beside it, or nothing
// but those of OpenSSL's FIPS provider. Decided for the whole process by whoever needs either first. docs/keys.md,
// "FIPS".
#pragma once

#include <openssl/types.h>

#include <string>

#include "coffer/base/status.h"

namespace coffer {

// From now on everything here is computed by OpenSSL's FIPS provider, random numbers included, in a library context of
// our own: the process's is never changed. Ok too where that is so already. kUnsupported, in OpenSSL's words, when the
// provider cannot be loaded; kInvalidArgument when other implementations were used already, or COFFER_CRYPTO names one.
// Nothing is decided then.
Status require_fips();
bool is_fips();
// The same of any provider in the FIPS provider's place. For require_fips(), and for tests: of a provider that is none,
// nothing can be used.
Status require_provider(const char* name);

// Where algorithms are fetched from and random numbers taken; null: the process's own library context. Decides, where
// nobody did. For the .cc files that call OpenSSL.
OSSL_LIB_CTX* openssl_library();

// Whether the process's own OpenSSL was set up to use FIPS algorithms only: for what other libraries do with it.
bool is_host_openssl_fips();

std::string openssl_version();        // of the library: "3.0.19"
std::string fips_provider_version();  // empty: not in use

}  // namespace coffer
