// Where a provider finds a secret that opens it: a PIN, a password, a token. Never the secret itself.
#pragma once

#include <string>

#include "coffer/base/secret.h"
#include "coffer/config/sealed_value.h"
#include "coffer/io/disk.h"

namespace coffer {

struct SecretSource {
  std::string file = {};         // a path: the first line is the secret
  std::string environment = {};  // the name of a variable
  std::string sealed = {};       // a sealed value
  SealedPlace sealed_for = {};   // where it stands
  std::string sealing_key = {};  // the key file that opens it; empty: what COFFER_SEALING_KEY names

  bool given() const { return !file.empty() || !environment.empty() || !sealed.empty(); }
  bool operator==(const SecretSource&) const = default;
};

// The first line, without its end; empty when no source is given. Every error names file, variable or option:
// kNotFound, kPermissionDenied (also for a file that others may read), kLimitExceeded (over 64 KiB), kWrongKey (a
// sealed value that does not open).
Result<SecretBytes> read_secret(const SecretSource& source);
// The same with a zero byte behind it, as C libraries want it.
Result<SecretBytes> read_secret_text(const SecretSource& source);

// What comes from an open file, which is no terminal, until its end. kInvalidArgument for several lines.
Result<SecretBytes> read_secret_from(int descriptor, size_t size_max);

// A whole file that must be nobody else's: kPermissionDenied when others may read or write it, or when it belongs
// neither to root nor to who runs this; kLimitExceeded. The first names the file in its errors, the second does not.
Result<SecretBytes> read_private_file(const std::string& path, size_t size_max);
Result<SecretBytes> read_private_file(Disk& disk, const std::string& path, size_t size_max);

}  // namespace coffer
