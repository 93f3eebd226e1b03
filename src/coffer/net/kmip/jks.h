// Client certificates and trusted ones out of Java's JKS keystores (JCEKS ones too).
#pragma once

#include <string>

#include "coffer/net/kmip/stores.h"

namespace coffer::kmip {

bool is_jks(const SecretBytes& contents);

// Errors name `path`. kWrongKey (the password, which must be the private key's too), kInvalidArgument (contents).
Result<Identity> read_jks_identity(const std::string& path, const SecretBytes& contents, SecretBytes password);
// The entries that say that a certificate is trusted; not the chains of private keys.
Result<X509StackHandle> read_jks_trust(const std::string& path, const SecretBytes& contents, SecretBytes password);

}  // namespace coffer::kmip
