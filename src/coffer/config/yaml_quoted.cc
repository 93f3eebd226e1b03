#include "coffer/config/yaml_quoted.h"

#include "coffer/base/check.h"
#include "coffer/base/text.h"

namespace coffer {

std::string yaml_quoted(std::string_view text) {
  COFFER_REQUIRE(!has_control(text), "what is written as YAML holds no control character");
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace coffer
