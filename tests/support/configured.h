// Sections of a coffer.yaml, read as they are read from one.
#pragma once

#include <string>

#include "coffer/config/config.h"

namespace coffer {

// `sections` begin in line 2.
inline Result<ProviderConfig> read_sections(const std::string& sections, const std::string& name = "coffer.yaml") {
  COFFER_ASSIGN(Config config, parse_config("version: 1\n" + sections, name));
  return std::move(config.providers);
}

inline ProviderConfig configured(const std::string& sections, const std::string& name = "coffer.yaml") {
  return read_sections(sections, name).value();
}

}  // namespace coffer
