// `peers` of coffer.yaml: nodes of other coffers that this one sends files to and takes files from. docs/cluster.md,
// "Nodes".
#pragma once

#include <map>

#include "coffer/config/yaml_reader.h"
#include "coffer/keys/node_identity.h"

namespace coffer {

// By the names that the configuration has for them, which need not be those that they have for themselves.
using Peers = std::map<std::string, NodePublic, std::less<>>;

// A mapping of names to what `coffer node show` prints. Errors: what is no node, and the same node twice.
Result<Peers> read_peers(const YamlReader& reader, const YAML::Node& section);
// The lines that read back as the same; empty where there are none.
std::string format_peers(const Peers& peers);

}  // namespace coffer
