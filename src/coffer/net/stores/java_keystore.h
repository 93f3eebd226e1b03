// Java's own keystores: JKS (certificates and private keys) and JCEKS (secret keys too).
#pragma once

#include <string>
#include <vector>

#include "coffer/net/stores/protection.h"

namespace coffer::keystore {

struct SealedKey {
  Bytes parameters, encrypted;  // PBEWithMD5AndTripleDES, around a serialised Java object
};

struct JavaEntry {
  enum class Kind : uint8_t { kPrivateKey, kCertificate, kSecretKey };
  Kind kind = Kind::kCertificate;
  std::string alias;
  Bytes encrypted_key_info;         // of a private key, for open_encrypted_key()
  std::vector<Bytes> certificates;  // DER; a private key's own first
  SealedKey sealed;                 // of a secret key
};

bool is_java_keystore(ByteView contents);

// Everything in the store, once its hash has shown that the password is right and nothing was altered by somebody
// without it. kWrongKey else; kInvalidArgument for what is malformed.
Result<std::vector<JavaEntry>> read_java_keystore(ByteView contents, const Password& store_password);
// The same without asking whether the hash is right. For what reads after it, and for fuzzing.
Result<std::vector<JavaEntry>> parse_java_keystore(ByteView contents);

// A secret key's bytes, if it is an AES key. kWrongKey, kInvalidArgument.
Result<RootKey> open_secret_key(const JavaEntry& entry, const Password& key_password, WorkBudget& budget);

}  // namespace coffer::keystore
