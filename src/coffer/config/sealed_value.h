// Secrets that may stand in a configuration file: sealed under a key that is kept on the machine, for one option of one
// provider at one host. docs/format.md, section 8.
#pragma once

#include <string>

#include "coffer/base/secret.h"

namespace coffer {

inline constexpr std::string_view kSealedValuePrefix = "sealed:v1:";
inline constexpr size_t kSealedSecretSizeMax = 4096;

// What a value is sealed for: whoever moves it to another place in the configuration has nothing of it.
struct SealedPlace {
  std::string option;    // "store_password", without _sealed
  std::string provider;  // "provider:NAME" or "kmip:GROUP" where the configuration names it, else the scheme: "vault"
  std::string hosts;     // "hsm1,hsm2": whom the option's URI is about, without ports; empty where it names nobody

  bool operator==(const SealedPlace&) const = default;
  // "token of provider:prod at vault.example"
  std::string text() const;
};

// kLimitExceeded above 4096 bytes.
Result<std::string> seal_value(const RootKey& sealing_key, const SealedPlace& place, const SecretBytes& value);
// kInvalidArgument for what is no sealed value; kWrongKey when it was sealed by another key or for another place, or
// was altered. Messages do not repeat the text.
Result<SecretBytes> open_sealed_value(const RootKey& sealing_key, const SealedPlace& place, std::string_view text);
// Whether it has the form of one.
Status check_sealed_value(std::string_view text);

}  // namespace coffer
