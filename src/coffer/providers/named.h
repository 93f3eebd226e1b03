// Providers set up once under a name, in coffer.yaml, and used by it: "provider:NAME/KEY". docs/providers.md.
#pragma once

#include "coffer/config/provider_config.h"

namespace coffer {

// What "provider:NAME/KEY?OPTIONS" stands for: the named URI with /KEY behind its path, and with all options.
Result<ProviderUri> expand_named(const ProviderUri& uri, const ProviderConfig& config);

// Whether the entry of key_providers says `start_requires: all`. kInvalidArgument for another word than all or used.
Result<bool> is_needed_at_start(const ProviderUri& configured);

// The same provider under its short URI: what the root's entry keeps, so that settings can change in one place.
std::unique_ptr<RootKeyProvider> under_name(std::unique_ptr<RootKeyProvider> provider, const ProviderUri& uri);

}  // namespace coffer
