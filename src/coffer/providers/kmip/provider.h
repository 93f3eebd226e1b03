// Root keys in KMIP servers: "kmip://HOST[:PORT][,HOST…]/KEY?OPTIONS" and "kmip:GROUP/KEY?OPTIONS".
// docs/providers/kmip.md.
#pragma once

#include "coffer/config/provider_config.h"

namespace coffer {

// Reads certificates and the configuration's section kmip_hosts; talks to no host yet.
Result<std::unique_ptr<RootKeyProvider>> open_kmip_provider(const ProviderUri& uri, const ProviderConfig& config);

}  // namespace coffer
