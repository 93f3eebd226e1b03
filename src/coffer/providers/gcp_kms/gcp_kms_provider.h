// Root keys in Google Cloud KMS, never extracted: docs/providers/gcp-kms.md; handle in docs/format.md, section 7.
#pragma once

#include "coffer/config/provider_config.h"

namespace coffer {

// gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K?endpoint=…&credentials_file=…
Result<std::unique_ptr<RootKeyProvider>> open_gcp_kms(const ProviderUri& uri, const ProviderConfig& config);

}  // namespace coffer
