// Root keys sealed to this machine's TPM 2.0: docs/providers/tpm.md; handle and file in docs/format.md, section 7.
#pragma once

#include "coffer/config/provider_config.h"

namespace coffer {

// Unseals anew for every call, so that the root key is in memory only during one.
Result<std::unique_ptr<RootKeyProvider>> open_tpm(const ProviderUri& uri, const ProviderConfig& config);

}  // namespace coffer
