// Does an implementation compute what was published for its algorithm? Asked once in a process for each algorithm,
// before its first use; docs/threat-model.md, "Assumptions". Internal to crypto/.
#pragma once

#include "coffer/base/secret.h"
#include "coffer/crypto/backend.h"

namespace coffer {

// Each is ok, or kInternal if an answer is another: the algorithm must not be used then. Each takes microseconds.
// kUnsupported if the backend does not have the suite.
Status check_published_suite(const SuiteInfo& info, const CryptoBackend& backend);
Status check_published_gmac(const CryptoBackend& backend);

// Of AES-SIV, by the backend that has its parts.
Status check_published_siv();

// Of `key` and `data` as many bytes as `out` has room for.
using KeyedHash = Status (*)(ByteView key, ByteView data, MutableBytes out);
enum class HashAnswer : uint8_t { kHmacSha256, kHkdfExpandSha256, kHkdfExpandSha512, kSha256 };
Status check_published_hash(HashAnswer of, KeyedHash function);

using KeyWrapFunction = Result<Bytes> (*)(ByteView wrap_key, ByteView key);
using KeyUnwrapFunction = Result<SecretBytes> (*)(ByteView wrap_key, ByteView wrapped);
Status check_published_key_wrap(KeyWrapFunction wrap, KeyUnwrapFunction unwrap);

}  // namespace coffer
