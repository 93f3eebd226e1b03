// Providers set up once under a name, in coffer.yaml, and used by it: "provider:NAME/KEY". docs/providers.md.
#pragma once

#include <map>

#include "coffer/config/uri.h"
#include "coffer/keys/provider.h"

namespace coffer {

using NamedProviders = std::map<std::string, ProviderUri>;

// The section `key_providers:`: a mapping of names to mappings of `uri` and the options to append to it. Errors name
// file, line and key. Without the section the result is empty.
Result<NamedProviders> parse_key_providers(const ProviderConfig& config);

// The option `sealing_key`: an absolute path, empty without it.
Result<std::string> parse_sealing_key(const ProviderConfig& config);

// What "provider:NAME/KEY?OPTIONS" stands for: the named URI with /KEY behind its path, and with all options.
Result<ProviderUri> expand_named(const ProviderUri& uri, const NamedProviders& known, const std::string& config_name);

// The same provider under its short URI: what a slot keeps, so that the settings can change in coffer.yaml.
std::unique_ptr<RootKeyProvider> under_name(std::unique_ptr<RootKeyProvider> provider, const ProviderUri& uri);

}  // namespace coffer
