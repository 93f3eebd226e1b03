// Root keys in hardware or software tokens, by PKCS#11: docs/providers/pkcs11.md; handle and wrapping in
// docs/format.md, section 7. The key never leaves its token.
#pragma once

#include "coffer/config/provider_config.h"

namespace coffer {

Result<std::unique_ptr<RootKeyProvider>> open_pkcs11(const ProviderUri& uri, const ProviderConfig& config);

}  // namespace coffer
