// PKCS#12 keystores (RFC 7292): their secret keys, as Java writes them, and nothing else of what they may hold.
// Certificates and private keys are OpenSSL's business: providers/kmip/stores.h.
#pragma once

#include <string>
#include <vector>

#include "coffer/providers/keystore/protection.h"

namespace coffer::keystore {

// A secret key as it lies in the store: under its own encryption.
struct ProtectedKey {
  std::string alias;  // UTF-8; empty when the entry has none
  Bytes encrypted_key_info;
};

// Taken apart, not checked yet. Views are into the contents.
struct Pkcs12File {
  ByteView auth_safe;  // what the MAC is over, and what all entries are in
  ByteView mac_hash;   // object identifier of the hash function
  ByteView mac, salt;
  uint32_t rounds = 0;
};
// kUnsupported for a store without a MAC, or one that is signed instead.
Result<Pkcs12File> parse_pkcs12(ByteView contents);
// kWrongKey for another password, and for altered contents: one MAC stands against both.
Status check_pkcs12_mac(const Pkcs12File& file, const Password& store_password, WorkBudget& budget);
// Every secret key of an AuthenticatedSafe. Parts that are encrypted in a way that is not known here are left out, and
// counted.
struct Pkcs12Secrets {
  std::vector<ProtectedKey> keys;
  std::vector<std::string> aliases;  // of entries of any kind, as far as they could be seen
  size_t entries = 0;                // of any kind
  size_t unreadable_parts = 0;
};
Result<Pkcs12Secrets> read_pkcs12_secrets(ByteView auth_safe, const Password& store_password, WorkBudget& budget);
// The bytes of an AES key out of a PrivateKeyInfo that is none.
Result<RootKey> aes_key_of_key_info(const SecretBytes& key_info);

// The same store, or a new one for empty contents, with one more secret key. What is in the store stays as it is, to
// the byte; the MAC is made anew. REQUIRES: the MAC of `contents` was checked with this password.
Result<Bytes> with_secret_key(ByteView contents, const std::string& alias, const RootKey& key,
                              const Password& store_password, const Password& key_password);

}  // namespace coffer::keystore
