// Where a provider finds a secret that opens it: a PIN, a password, a token. Never the secret itself.
#pragma once

#include <string>

#include "coffer/base/secret.h"

namespace coffer {

struct SecretSource {
  std::string file;         // a path: the first line is the secret
  std::string environment;  // the name of a variable

  bool given() const { return !file.empty() || !environment.empty(); }
  bool operator==(const SecretSource&) const = default;
};

// The first line, without its end; empty when no source is given. Every error names file or variable: kNotFound,
// kPermissionDenied (also for a file that others may read), kLimitExceeded (longer than 64 KiB).
Result<SecretBytes> read_secret(const SecretSource& source);
// The same with a zero byte behind it, as C libraries want it.
Result<SecretBytes> read_secret_text(const SecretSource& source);

// A whole file that must be nobody else's: kPermissionDenied when others may read or write it, or when it belongs
// neither to root nor to who runs this.
Result<SecretBytes> read_private_file(const std::string& path, size_t size_max);

}  // namespace coffer
