// The one list of version anchors: opens what `anchor` in coffer.yaml names.
#pragma once

#include "coffer/keys/version_anchor.h"

namespace coffer {

// An absolute path, or "tpm:INDEX". An AnchorOpener.
Result<std::unique_ptr<VersionAnchor>> open_anchor(Disk& disk, const std::string& place, const Id& coffer_id,
                                                   const std::string& directory);

}  // namespace coffer
