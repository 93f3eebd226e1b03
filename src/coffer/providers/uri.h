// "scheme:…" taken apart: what every provider's address has in common (RFC 3986, less fragments and user information).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coffer/base/status.h"

namespace coffer {

struct ProviderUri {
  std::string scheme;                    // lower case
  std::optional<std::string> authority;  // between "//" and the path: "hsm1:5696,hsm2:5696"; nothing without "//"
  std::string path;                      // percent-decoded
  std::vector<std::pair<std::string, std::string>> options;  // "?a=b&c=d", percent-decoded, in order
};

// Text without "scheme:" is a path: it becomes a "file" URI, to the letter. kInvalidArgument for anything else that is
// malformed; messages do not repeat option values, which may be sensitive.
Result<ProviderUri> parse_provider_uri(const std::string& text);
// %XX to bytes; a zero byte is refused. `part` is what an error calls it.
Result<std::string> decode_percent(std::string_view text, std::string_view part);
// Percent-encodes what a URI's path cannot hold as it is.
std::string encode_uri_path(const std::string& path);

}  // namespace coffer
