// How new files are sealed, as options of coffer.yaml: for all domains at the top, for single ones in `policy`.
#pragma once

#include <map>
#include <optional>

#include "coffer/config/yaml_reader.h"
#include "coffer/crypto/suite.h"

namespace coffer {

// What is another for one domain.
struct DomainCiphers {
  std::optional<Suite> suite;      // of blocks and log files
  std::optional<Suite> ctr_suite;  // of ctr files
  std::optional<int> chunk_log2;   // of blocks files

  bool operator==(const DomainCiphers&) const = default;
};
using CiphersOfDomains = std::map<std::string, DomainCiphers, std::less<>>;

// `what` names the option in errors, as do those of YamlReader.
Result<Suite> read_cipher(const YamlReader& reader, const YAML::Node& value, const std::string& what,
                          bool authenticated);
// The binary logarithm of a size in bytes, from 1024 to 2^log2_max.
Result<int> read_chunk_size(const YamlReader& reader, const YAML::Node& value, const std::string& what,
                            int log2_max = 20);

}  // namespace coffer
