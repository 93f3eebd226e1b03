// Password-based derivation and encryption as keystores of other makers use them (RFC 7292, RFC 8018, Java's own). For
// reading and writing such files only: nothing of Coffer's own is protected by any of it. Results are in secret memory.
// All functions are thread-safe.
#pragma once

#include <initializer_list>

#include "coffer/base/secret.h"

namespace coffer {

enum class KeystoreHash : uint8_t { kMd5, kSha1, kSha224, kSha256, kSha384, kSha512 };
size_t hash_size(KeystoreHash hash);
size_t hash_block_size(KeystoreHash hash);

// The hash of the parts, one behind the other.
Result<SecretBytes> keystore_hash(KeystoreHash hash, std::initializer_list<ByteView> parts);
// `rounds` times: the hash of what came of the round before, at first `start`, and `suffix`.
Result<SecretBytes> keystore_hash_chain(KeystoreHash hash, ByteView start, ByteView suffix, uint32_t rounds);
Result<SecretBytes> keystore_hmac(KeystoreHash hash, ByteView key, ByteView data);

// RFC 8018, section 5.2.
Result<SecretBytes> pbkdf2(KeystoreHash prf, ByteView password, ByteView salt, uint32_t iterations, size_t size);

enum class Pkcs12Purpose : uint8_t { kKey = 1, kIv = 2, kMac = 3 };
// RFC 7292, appendix B. `password`: big-endian UTF-16 with its two zero bytes at the end.
Result<SecretBytes> pkcs12_derive(KeystoreHash hash, Pkcs12Purpose purpose, ByteView password, ByteView salt,
                                  uint32_t iterations, size_t size);

enum class CbcCipher : uint8_t { kAes128, kAes192, kAes256, kTripleDes };
size_t cbc_key_size(CbcCipher cipher);
size_t cbc_block_size(CbcCipher cipher);
// CBC with the padding of RFC 5652. kWrongKey when the padding is not there, which another key gives away in all but
// one case of 256: what comes out is not authenticated. kDamaged for what is not whole blocks.
Result<SecretBytes> cbc_decrypt(CbcCipher cipher, ByteView key, ByteView iv, ByteView ciphertext);
Result<Bytes> cbc_encrypt(CbcCipher cipher, ByteView key, ByteView iv, ByteView plaintext);

}  // namespace coffer
