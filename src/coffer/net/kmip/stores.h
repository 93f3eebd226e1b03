// Certificates and private keys from where operators keep them: PEM files, and keystores of type PKCS#12 (OpenSSL's or
// Java's) and JKS. Which of the two a keystore is its contents say: Java, too, takes one for the other, and writes
// PKCS#12 into files that are called .jks.
#pragma once

#include <vector>

#include "coffer/base/secret.h"
#include "coffer/crypto/openssl_handles.h"
#include "coffer/net/kmip/settings.h"

namespace coffer::kmip {

struct Identity {
  X509Handle certificate;
  EvpKeyHandle key;
  X509StackHandle chain;  // the certificates above it; may be empty, never null
};

// Every error names the file. kNotFound, kPermissionDenied (also for a secret that others may read), kWrongKey (the
// password), kInvalidArgument (contents).
Result<Identity> read_identity(const StorePlace& place);
Result<X509StackHandle> read_trust(const StorePlace& place);

}  // namespace coffer::kmip
