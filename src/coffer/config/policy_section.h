// The section `policy` of coffer.yaml: when keys are rotated and files rewrapped, for all domains and for single ones.
#pragma once

#include "coffer/config/yaml_reader.h"
#include "coffer/keys/policy.h"

namespace coffer {

Result<Policy> read_policy(const YamlReader& reader, const YAML::Node& section);
// With its heading; empty for the default.
std::string format_policy(const Policy& policy);

}  // namespace coffer
