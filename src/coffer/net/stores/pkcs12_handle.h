// A PKCS#12 keystore as OpenSSL holds it.
#pragma once

#include <openssl/pkcs12.h>

#include "coffer/base/bytes.h"
#include "coffer/crypto/openssl_handles.h"

namespace coffer::keystore {

using Pkcs12Handle = std::unique_ptr<PKCS12, OpenSslFree<PKCS12_free>>;

// Decoded, not checked, its algorithms to be taken from `context` (null: the process's own). Null for what is none;
// OpenSSL's queue then has the reason.
Pkcs12Handle decode_pkcs12(ByteView contents, OSSL_LIB_CTX* context = nullptr);

}  // namespace coffer::keystore
