// Texts as they are written into YAML.
#pragma once

#include <string>

namespace coffer {

// As a double-quoted scalar, which reads back as the same bytes. REQUIRES: no control characters.
std::string yaml_quoted(std::string_view text);

}  // namespace coffer
