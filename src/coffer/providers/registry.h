// The one list of key providers: opens the URI of a root key.
#pragma once

#include "coffer/keys/provider.h"

namespace coffer {

// "file:///abs", "file:/abs", "file:rel" or a bare path. kInvalidArgument for an unknown scheme (the message lists the
// known ones) or option, or a malformed URI. A relative path is one below the current directory of now. The key itself
// is looked at when it is used.
Result<std::unique_ptr<RootKeyProvider>> open_provider(const std::string& uri);

}  // namespace coffer
