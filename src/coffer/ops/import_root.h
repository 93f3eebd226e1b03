// A root key in a file, for a configuration that is imported.
#pragma once

#include "coffer/ops/import_config.h"

namespace coffer {

// kInvalidArgument, naming the option `word`, for a relative path or where there is another root already.
Status import_root_file(const std::string& path, const std::string& word, bool allow_weak, Imported& out);

}  // namespace coffer
