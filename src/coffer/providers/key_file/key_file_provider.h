// Root keys in local files: docs/keys.md, "Key files"; handle and wrapping in docs/format.md, section 7.
#pragma once

#include "coffer/io/disk.h"
#include "coffer/keys/provider.h"

namespace coffer {

// Reads the file anew for every call, so that no root key stays in memory and a replaced file counts at once.
// REQUIRES: `path` is absolute.
std::unique_ptr<RootKeyProvider> make_key_file_provider(Disk& disk, const std::string& path, bool allow_weak = false);

}  // namespace coffer
