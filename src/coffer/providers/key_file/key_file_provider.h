// Root keys in local files: docs/keys.md, "Key files"; handle and wrapping in docs/format.md, section 7.
#pragma once

#include "coffer/config/key_file.h"
#include "coffer/keys/provider.h"

namespace coffer {

struct KeyFileOptions {
  bool allow_weak = false;
  KeyFileReading reading = KeyFileReading::kByContents;
};

// Reads the file anew for every call, so that no root key stays in memory and a replaced file counts at once.
// REQUIRES: `path` is absolute.
std::unique_ptr<RootKeyProvider> make_key_file_provider(Disk& disk, const std::string& path,
                                                        KeyFileOptions options = {});

}  // namespace coffer
