// Certificates and private keys from where operators keep them: PEM files and PKCS#12 keystores, whether OpenSSL's or
// Java's. JKS keystores are read by nothing yet: read_identity() and read_trust() are where their reader will be
// called.
#pragma once

#include <vector>

#include "coffer/base/secret.h"
#include "coffer/providers/kmip/openssl_handles.h"
#include "coffer/providers/kmip/settings.h"

namespace coffer::kmip {

struct Identity {
  X509Handle certificate;
  EvpKeyHandle key;
  X509StackHandle chain;  // the certificates above it; may be empty, never null
};

// Every error names the file. kNotFound, kPermissionDenied (also for a secret that others may read), kWrongKey (the
// password), kInvalidArgument (contents), kUnsupported (JKS).
Result<Identity> read_identity(const StorePlace& place);
Result<X509StackHandle> read_trust(const StorePlace& place);

}  // namespace coffer::kmip
