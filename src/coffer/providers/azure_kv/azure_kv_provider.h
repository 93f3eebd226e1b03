// Root keys in Azure Key Vault or Managed HSM, never extracted: docs/providers/azure-kv.md; handle in docs/format.md,
// section 7.
#pragma once

#include "coffer/config/provider_config.h"

namespace coffer {

// azure-kv://VAULT.vault.azure.net/keys/NAME[/VERSION]?tenant=…&client=…
Result<std::unique_ptr<RootKeyProvider>> open_azure_kv(const ProviderUri& uri, const ProviderConfig& config);

}  // namespace coffer
