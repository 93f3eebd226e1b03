// What a "tpm:" URI says: the file of the sealed key, which TPM, and what unseals. docs/providers/tpm.md.
#pragma once

#include "coffer/config/uri.h"
#include "coffer/providers/tpm/pcrs.h"

namespace coffer::tpm {

// Of a root key and of a version anchor alike.
struct Access {
  std::string tcti;             // "device:/dev/tpmrm0"
  SecretSource auth;            // the key's own password, or the NV indices'
  SecretSource owner_auth;      // the TPM owner's
  uint64_t timeout_millis = 0;  // for each call
};

struct Settings : Access {
  std::string path;                  // absolute
  std::optional<PcrSelection> pcrs;  // to seal to; or, of a key that is there, what it is expected to be sealed to
  bool create = false;               // a key that is not there is made
  std::string uri;                   // without what is for making a key only
};

// The option `tcti`. kInvalidArgument for a kind that could run what it likes.
Result<std::string> take_tcti(UriOptions& options);
// The other options of `out`.
Status take_passwords(UriOptions& options, uint64_t timeout_default_millis, Access& out);
Result<Settings> parse_settings(const ProviderUri& uri, const std::string& sealing_key = {});

}  // namespace coffer::tpm
