// How keystores protect what they hold by a password: RFC 8018's scheme 2, RFC 7292's triple DES, and Java's two own.
#pragma once

#include "coffer/base/secret.h"
#include "coffer/providers/keystore/der.h"

namespace coffer::keystore {

// What a file may ask for in rounds of hashing, in all: a few seconds of one processor. Files say for themselves how
// many rounds they want, and must not be able to stop a process with it.
class WorkBudget {
 public:
  static constexpr uint64_t kRoundsMax = 10'000'000;
  explicit WorkBudget(uint64_t rounds_max = kRoundsMax) : left_(rounds_max) {}
  // kLimitExceeded when it is used up; kInvalidArgument for none.
  Status spend(uint32_t rounds);

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
  // Big-endian UTF-16, as Java's keystores hash it; `zeros` zero bytes behind it. kInvalidArgument for what is not
  // UTF-8.
  Result<SecretBytes> utf16(size_t zeros) const;

 private:
  SecretBytes utf8_;
};

// The contents of an AlgorithmIdentifier and what was encrypted by it. kWrongKey for another password, as far as that
// can be told; kUnsupported for another scheme; kInvalidArgument for what is malformed.
Result<SecretBytes> decrypt_protected(ByteView algorithm, ByteView encrypted, const Password& password,
                                      WorkBudget& budget);
// EncryptedPrivateKeyInfo (RFC 5208), around a PrivateKeyInfo.
Result<SecretBytes> open_encrypted_key(ByteView encrypted_key_info, const Password& password, WorkBudget& budget);
// The same, written: AES-256-CBC under PBKDF2 with HMAC-SHA-256.
Result<Bytes> seal_encrypted_key(const SecretBytes& key_info, const Password& password);

// The scheme of JCEKS, PBEWithMD5AndTripleDES; `parameters`: SEQUENCE { salt, rounds }.
Result<SecretBytes> decrypt_md5_triple_des(ByteView parameters, ByteView encrypted, const Password& password,
                                           WorkBudget& budget);

}  // namespace coffer::keystore
