// JSON Web Tokens (RFC 7519) signed with RSASSA-PKCS1-v1_5 and SHA-256 ("RS256"), by which a service account or an
// application proves who it is.
#pragma once

#include <string>

#include "coffer/base/secret.h"

namespace coffer::oauth {

// header.claims.signature, in base64url. kInvalidArgument when the PEM holds no RSA private key of 2048 bits or more,
// or an encrypted one.
Result<SecretBytes> sign_jwt(ByteView header_json, ByteView claims_json, const SecretBytes& private_key_pem);

// The SHA-1 of the first certificate in a PEM, in base64url: by this (x5t) Microsoft's services find it.
Result<std::string> certificate_thumbprint(const SecretBytes& pem);

}  // namespace coffer::oauth
