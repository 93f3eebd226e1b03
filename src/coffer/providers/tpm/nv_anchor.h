// The newest keyring version in a counter of the TPM's, which nobody can set back: docs/providers/tpm.md, "Version
// anchor".
#pragma once

#include "coffer/config/uri.h"
#include "coffer/keys/version_anchor.h"

namespace coffer {

// "tpm:0x1500016?tcti=…": the first of three NV indices. `directory` has the lock that keeps processes apart.
// kInvalidArgument for anything else.
Result<std::unique_ptr<VersionAnchor>> open_nv_anchor(Disk& disk, const ProviderUri& uri, const Id& coffer_id,
                                                      const std::string& directory);

}  // namespace coffer
