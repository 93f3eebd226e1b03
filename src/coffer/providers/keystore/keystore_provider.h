// Root keys in keystore files: docs/providers/keystore.md; handle in docs/format.md, section 7.
#pragma once

#include "coffer/config/provider_config.h"
#include "coffer/io/disk.h"
#include "coffer/providers/keystore/keystore.h"

namespace coffer {

// What "keystore:PATH?alias=…&store_password_file=…" says.
struct KeystorePlace {
  std::string path;   // absolute
  std::string alias;  // empty: the only secret key
  std::optional<keystore::KeystoreType> type;
  SecretSource store_password, key_password;
  std::string uri;
};
Result<KeystorePlace> parse_keystore_uri(const ProviderUri& uri, const std::string& sealing_key = {});
Result<keystore::Passwords> read_passwords(const KeystorePlace& place);

}  // namespace coffer
