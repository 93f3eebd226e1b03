// PKCS#12 keystores (RFC 7292), read and written by OpenSSL: secret keys, as Java writes them, and what TLS takes from
// them.
#pragma once

#include <string>
#include <vector>

#include "coffer/net/stores/protection.h"

namespace coffer::keystore {

// A secret key as it lies in the store: under its own encryption.
struct ProtectedKey {
  std::string alias;  // UTF-8; empty when the entry has none
  Bytes encrypted_key_info;
};

struct Pkcs12Secrets {
  std::vector<ProtectedKey> keys;
  std::vector<std::string> aliases;  // of entries of any kind, as far as they could be seen
  size_t entries = 0;                // of any kind
  size_t unreadable_parts = 0;       // encrypted in a way that is too weak or not known here
};

// Every secret key, once the MAC has shown that the password is right and nothing was altered: one MAC stands against
// both, so kWrongKey may be either. kUnsupported for a store without a MAC; kInvalidArgument for what is malformed, or
// not in DER.
Result<Pkcs12Secrets> read_pkcs12_secrets(ByteView contents, const Password& store_password, WorkBudget& budget);
// The same of any BER, without asking whether the MAC is right. For fuzzing.
Result<Pkcs12Secrets> parse_pkcs12_secrets(ByteView contents, const Password& store_password, WorkBudget& budget);

// What a keystore of any type has for TLS.
struct KeyAndCertificates {
  SecretBytes key_info;  // PrivateKeyInfo (PKCS#8) of the private key that is meant; empty when there is none
  std::vector<Bytes> certificates;  // DER
};

// The first private key and all certificates; a store without a MAC, and ciphers that are too weak for secrets that are
// to be kept, will do. kWrongKey, kInvalidArgument.
Result<KeyAndCertificates> read_pkcs12_identity(ByteView contents, const Password& password, WorkBudget& budget);

// A secret key's bytes, if it is an AES key. kWrongKey, kUnsupported for another encryption, kInvalidArgument.
Result<RootKey> open_secret_key(const ProtectedKey& key, const Password& key_password, WorkBudget& budget);

// The same store, or a new one for empty contents, with one more secret key. What is in the store stays as it is; the
// MAC is made anew. REQUIRES: the MAC of `contents` was checked with this password.
Result<Bytes> with_secret_key(ByteView contents, const std::string& alias, const RootKey& key,
                              const Password& store_password, const Password& key_password);

}  // namespace coffer::keystore
