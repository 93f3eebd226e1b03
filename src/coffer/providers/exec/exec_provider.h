// Root keys behind a command of the operator's own, which wraps and unwraps: contract in docs/providers/exec.md, handle
// in docs/format.md, section 7.
#pragma once

#include "coffer/config/provider_config.h"

namespace coffer {

// exec:/PATH/coffer-exec-NAME/KEY?arg1=…&env=A,B&timeout_millis=…
Result<std::unique_ptr<RootKeyProvider>> open_exec(const ProviderUri& uri, const ProviderConfig& config);

}  // namespace coffer
