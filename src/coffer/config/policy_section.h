// The section `policy` of coffer.yaml: when keys are rotated and old files brought over, for all domains and for single
// ones; what is done in an outage of the root key; and how the files of single domains are sealed.
#pragma once

#include "coffer/config/cipher_options.h"
#include "coffer/config/local_unlock_section.h"
#include "coffer/keys/policy.h"

namespace coffer {

struct PolicySection {
  Policy policy;
  CiphersOfDomains ciphers;
  std::optional<LocalUnlock> local_unlock = {};
};
Result<PolicySection> read_policy(const YamlReader& reader, const YAML::Node& section);
// With its heading; empty for the default.
std::string format_policy(const PolicySection& section);

}  // namespace coffer
