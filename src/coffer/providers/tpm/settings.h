// What a "tpm:" URI says: the file of the sealed key, which TPM, and what unseals. docs/providers/tpm.md.
#pragma once

#include "coffer/config/uri.h"
#include "coffer/providers/tpm/pcrs.h"

namespace coffer::tpm {

struct Settings {
  std::string path;                  // absolute
  std::string tcti;                  // "device:/dev/tpmrm0"
  std::optional<PcrSelection> pcrs;  // to seal to; or, of a key that is there, what it is expected to be sealed to
  SecretSource auth;                 // the key's own password
  SecretSource owner_auth;           // the TPM owner's
  uint64_t timeout_millis = 0;
  bool create = false;  // a key that is not there is made
  std::string uri;      // without what is for making a key only
};

// The option `tcti`. kInvalidArgument for a kind that could run what it likes.
Result<std::string> take_tcti(UriOptions& options);
Result<Settings> parse_settings(const ProviderUri& uri, const std::string& sealing_key = {});

}  // namespace coffer::tpm
