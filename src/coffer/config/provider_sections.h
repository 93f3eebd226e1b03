// The sections roots, key_providers and kmip_hosts of coffer.yaml, and how they are written.
#pragma once

#include "coffer/config/provider_config.h"
#include "coffer/config/yaml_reader.h"

namespace coffer {

// A mapping of names to mappings of `uri`, `fingerprint` and the options to put behind the URI.
Result<RootSettings> read_roots(const YamlReader& reader, const YAML::Node& section);
// A mapping of names to mappings of `uri` and the options to put behind it.
Result<NamedProviders> read_key_providers(const YamlReader& reader, const YAML::Node& section);
// A mapping of `uri` and the options to put behind it.
Result<ProviderUri> read_keyring_store(const YamlReader& reader, const YamlReader::Entry& section);
// HCD's spelling: a mapping of groups to mappings of `hosts` and further options.
Result<NamedProviders> read_kmip_hosts(const YamlReader& reader, const YAML::Node& section);

// The lines of one entry of `roots`. REQUIRES: no control characters.
std::string format_root(const std::string& name, const RootSetting& root);
// The lines that read back as the same; nothing for what is not configured.
std::string format_roots(const RootSettings& roots);
std::string format_keyring_store(const ProviderUri& store);
// Of all else.
std::string format_providers(const ProviderConfig& config);

}  // namespace coffer
