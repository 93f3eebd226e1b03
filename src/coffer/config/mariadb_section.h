// `mariadb` of coffer.yaml: which domain's keys a MariaDB server gets for which of its key ids. docs/mariadb.md.
#pragma once

#include <map>

#include "coffer/config/yaml_reader.h"

namespace coffer {

inline constexpr uint32_t kMariadbSystemKey = 1;  // of the server's own files, and of tables that name no other

// Key id → domain. Several ids may have the same domain: their keys differ. Empty: no server uses the coffer.
using MariadbKeys = std::map<uint32_t, std::string>;

// Errors: what is no number from 1 to 4294967295, is there twice, or leaves kMariadbSystemKey out.
Result<MariadbKeys> read_mariadb(const YamlReader& reader, const YAML::Node& section);
// Empty where there are none.
std::string format_mariadb(const MariadbKeys& keys);
// The lowest key id that leads to the domain; 0: none.
uint32_t mariadb_key_of(const MariadbKeys& keys, std::string_view domain);

}  // namespace coffer
