// Root keys in the Transit engine of HashiCorp Vault or OpenBao: the keyring key is wrapped there, the root key never
// leaves it. Handles and wrappings: docs/format.md, section 7; set-up: docs/providers/vault.md.
#pragma once

#include "coffer/config/provider_config.h"

namespace coffer {

// "vault://HOST:PORT/MOUNT/KEY?OPTIONS". Nothing is asked yet.
Result<std::unique_ptr<RootKeyProvider>> open_vault(const ProviderUri& uri, const ProviderConfig& config);

}  // namespace coffer
