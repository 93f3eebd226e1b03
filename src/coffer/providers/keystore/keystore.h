// Secret keys in keystore files, whichever of the two types that have them: PKCS#12 and JCEKS.
// docs/providers/keystore.md.
#pragma once

#include <string>
#include <vector>

#include "coffer/config/uri.h"
#include "coffer/io/disk.h"
#include "coffer/net/stores/protection.h"

namespace coffer {
namespace keystore {

inline constexpr size_t kKeystoreSizeMax = size_t{4} << 20;
inline constexpr size_t kAliasSizeMax = 255;

enum class KeystoreType : uint8_t { kPkcs12, kJceks };
std::string_view type_name(KeystoreType type);
// By the contents. kUnsupported for JKS, which has no secret keys; kInvalidArgument for anything else.
Result<KeystoreType> type_of(ByteView contents);

struct Passwords {
  Password store;
  Password key;  // empty: the store's

  const Password& for_keys() const { return key.empty() ? store : key; }
};

struct FoundKey {
  std::string alias;  // as the store has it
  RootKey key;
};

// The AES key under `alias`, or the only secret key when it is empty. Java does not tell capital letters of aliases
// apart, so neither does this. kNotFound (names the aliases there are), kPermissionDenied for a wrong password (says
// which), kUnsupported, kInvalidArgument. Messages name no file.
Result<FoundKey> find_secret_key(ByteView contents, const std::string& alias, const Passwords& passwords,
                                 WorkBudget& budget);

// A new random AES key of `bits` under `alias` in the PKCS#12 keystore at `path`, which is made (mode 0600) if there is
// none; durable. Whatever else is in it stays as it is. kAlreadyExists for an alias that is taken; kUnsupported for a
// JCEKS keystore. Every message names the file.
Status generate_key_in_keystore(Disk& disk, const std::string& path, const std::string& alias, int bits,
                                const Passwords& passwords);

}  // namespace keystore

// What "keystore:PATH?alias=…&store_password_file=…" says.
struct KeystorePlace {
  std::string path;   // absolute
  std::string alias;  // empty: the only secret key
  std::optional<keystore::KeystoreType> type;
  SecretSource store_password, key_password;
  bool allow_weak = false;  // a key of less than 256 bits may wrap
  std::string uri;
};
Result<KeystorePlace> parse_keystore_uri(const ProviderUri& uri, const std::string& sealing_key = {});
Result<keystore::Passwords> read_passwords(const KeystorePlace& place);

}  // namespace coffer
