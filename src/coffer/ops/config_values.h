// Passwords and the like in the configuration of a program that uses a coffer, sealed under that coffer:
// ENC[NAME:v1:…]. Each is for the option of that name only. docs/operating.md, "Values in other configurations".
#pragma once

#include <set>

#include "coffer/store/coffer.h"

namespace coffer {

// `name`: of the option, 1 to 64 of [A-Za-z0-9._-]. kInvalidArgument for another; kLimitExceeded above 4096 bytes.
Result<std::string> seal_config_value(const Coffer& coffer, std::string_view name, const SecretBytes& value);
// Whether it begins like one.
bool is_sealed_config_value(std::string_view text);
// kInvalidArgument for what is none, or is for another name; kWrongKey for another coffer's, or one that was altered.
Result<SecretBytes> open_config_value(const Coffer& coffer, std::string_view name, std::string_view text);

// A whole configuration file, with the values in place of what they are sealed in. Whatever the file's form, a value
// stands on the line of its option, behind the option's name and a colon or equals sign, in quotes or not. `sealed`:
// names of options whose values must not be in clear: kPlaintext. Errors name the line.
Result<std::string> open_config_text(const Coffer& coffer, std::string_view text, const std::set<std::string>& sealed);

}  // namespace coffer
