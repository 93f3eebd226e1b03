// Secrets that may stand in a configuration file: sealed under a key that is kept on the machine, for one option by its
// name. docs/format.md, section 8.
#pragma once

#include <string>

#include "coffer/base/secret.h"

namespace coffer {

inline constexpr std::string_view kSealedValuePrefix = "sealed:v1:";
inline constexpr size_t kSealedSecretSizeMax = 4096;

// `name`: of the option that the value is for ("store_password"), without _sealed. kLimitExceeded above 4096 bytes.
Result<std::string> seal_value(const RootKey& sealing_key, std::string_view name, const SecretBytes& value);
// kInvalidArgument for what is no sealed value; kWrongKey when it was sealed by another key or for another option, or
// was altered. Messages do not repeat the text.
Result<SecretBytes> open_sealed_value(const RootKey& sealing_key, std::string_view name, std::string_view text);
// Whether it has the form of one.
Status check_sealed_value(std::string_view text);

}  // namespace coffer
