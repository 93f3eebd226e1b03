// Java's own keytool, for making keystores that Coffer is to read and for reading those that Coffer made.
#pragma once

#include <string>
#include <vector>

#include "coffer/base/secret.h"
#include "coffer/providers/keystore/keystore.h"

namespace coffer::testing_keystores {

inline constexpr const char* kStorePassword = "swordfish";
inline constexpr const char* kKeyPassword = "marlin-and-more";

// Runs keytool with these arguments; throws std::runtime_error with what it said when it fails.
std::string keytool(const std::vector<std::string>& arguments);
// keytool -genseckey: a new AES key under `alias` in the store at `path`, which is made if there is none; mode 0600.
void make_secret_key(const std::string& path, const std::string& type, const std::string& alias, int bits = 256,
                     const std::string& key_password = kStorePassword);
// keytool -importkeystore: everything in `from`, written again as `type`.
void convert(const std::string& from, const std::string& to, const std::string& type);

keystore::Password password(const std::string& text);
keystore::Passwords passwords(const std::string& store = kStorePassword, const std::string& key = "");
Result<keystore::FoundKey> find_in_file(const std::string& path, const std::string& alias,
                                        const keystore::Passwords& given = passwords());
// The bytes of the key that is there; throws when there is none.
Bytes key_in(const std::string& path, const std::string& alias, const keystore::Passwords& given = passwords());

}  // namespace coffer::testing_keystores
