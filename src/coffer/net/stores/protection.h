// How keystores protect what they hold by a password: limits on the work, and Java's own two schemes, with the hashing
// and decryption that they take. For reading such files only. Those of PKCS#12 are OpenSSL's: pkcs12.h.
#pragma once

#include <initializer_list>

#include "coffer/base/secret.h"

namespace coffer::keystore {

// Of a store, whatever its kind; a file with more is refused.
inline constexpr size_t kEntriesMax = 10'000;

// What a file may ask for in rounds of hashing, in all: a few seconds of one processor. Files say for themselves how
// many rounds they want, and must not be able to stop a process with it.
class WorkBudget {
 public:
  static constexpr uint64_t kRoundsMax = 10'000'000;
  explicit WorkBudget(uint64_t rounds_max = kRoundsMax) : left_(rounds_max) {}
  // kLimitExceeded when it is used up; kInvalidArgument for none.
  Status spend(int64_t rounds);

 private:
  uint64_t left_;
};

// A password as people give it: UTF-8.
class Password {
 public:
  Password() = default;
  explicit Password(SecretBytes utf8) : utf8_(std::move(utf8)) {}

  ByteView bytes() const { return utf8_.reveal(); }
  bool empty() const { return utf8_.empty(); }
  // Big-endian UTF-16, as Java's keystores hash it. kInvalidArgument for what is not UTF-8.
  Result<SecretBytes> utf16() const;

 private:
  SecretBytes utf8_;
};

// EncryptedPrivateKeyInfo (RFC 5208) as JKS and JCEKS have it: by either of Java's two schemes. kWrongKey for another
// password, as far as that can be told; kUnsupported for another scheme; kInvalidArgument for what is malformed.
Result<SecretBytes> open_encrypted_key(ByteView encrypted_key_info, const Password& password, WorkBudget& budget);
// Java's PBEWithMD5AndTripleDES; `parameters` is the DER of salt and rounds.
Result<SecretBytes> decrypt_md5_triple_des(ByteView parameters, ByteView encrypted, const Password& password,
                                           WorkBudget& budget);

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
