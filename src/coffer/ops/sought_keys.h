// The secrets of a coffer and its operator, to be searched for.
#pragma once

#include "coffer/config/key_file.h"
#include "coffer/ops/sought.h"
#include "coffer/store/coffer.h"

namespace coffer {

inline constexpr size_t kCanariesMax = 10'000;
inline constexpr size_t kCanarySizeMax = 4096;
inline constexpr size_t kFileKeysSoughtMax = 100'000;

// Of a file: one a line, text to the letter, or "hex:" or "base64:" with bytes. Empty lines are none. kInvalidArgument
// names the line; kLimitExceeded.
Status add_canaries(const SecretBytes& canaries, SoughtSecrets& sought);

// A root key that is not searched for, and why.
struct NotSought {
  std::string root;
  std::string why;
};
// Every domain key that is not destroyed, the audit key, the keyring key, for which the root key's provider is asked,
// and the root keys that the configuration has in key files. What other root keys it has comes back. `root_uri`, if not
// empty, is where the operator says that the root key is.
Result<std::vector<NotSought>> add_keys_of(const Coffer& coffer, ProviderOpener opener, const std::string& root_uri,
                                           SoughtSecrets& sought);
// A root key in a key file: read_key_file()'s errors.
Status add_key_file(Disk& disk, const std::string& name, const std::string& path, SoughtSecrets& sought,
                    KeyFileReading reading = KeyFileReading::kByContents);
// Of every file in the coffer's stores that it opens. kForeign for a copy of a coffer.
Status add_file_keys(Coffer& coffer, SoughtSecrets& sought);

}  // namespace coffer
