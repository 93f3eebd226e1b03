// coffer://DIRECTORY?option=value&…, taken apart.
#pragma once

#include <string>
#include <string_view>

#include "coffer/base/status.h"

namespace coffer::rocks {

inline constexpr std::string_view kUriScheme = "coffer://";

struct CofferUri {
  std::string directory;
  std::string base;      // URI of the file system to wrap; empty: RocksDB's default
  std::string root_uri;  // empty: where the keyring says
};

// kInvalidArgument names what is wrong: another scheme, no directory, an unknown or repeated option, an empty value, a
// bad %.
Result<CofferUri> parse_uri(std::string_view uri);

}  // namespace coffer::rocks
