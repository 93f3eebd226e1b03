// Hashing and decryption as Java's own keystores use them. For reading such files only. Results are in secret memory.
// All functions are thread-safe.
#pragma once

#include <initializer_list>

#include "coffer/base/secret.h"

namespace coffer::keystore {

enum class KeystoreHash : uint8_t { kMd5, kSha1 };

// The hash of the parts, one behind the other.
Result<SecretBytes> keystore_hash(KeystoreHash hash, std::initializer_list<ByteView> parts);
// `rounds` times: the hash of what came of the round before, at first `start`, and `suffix`.
Result<SecretBytes> keystore_hash_chain(KeystoreHash hash, ByteView start, ByteView suffix, uint32_t rounds);

inline constexpr size_t kTripleDesKeySize = 24;
// CBC with the padding of RFC 5652. kWrongKey when the padding is not there, which another key gives away in all but
// one case of 256: what comes out is not authenticated. kDamaged for what is not whole blocks.
// REQUIRES: key.size() == kTripleDesKeySize, iv.size() == 8
Result<SecretBytes> triple_des_decrypt(ByteView key, ByteView iv, ByteView ciphertext);

}  // namespace coffer::keystore
