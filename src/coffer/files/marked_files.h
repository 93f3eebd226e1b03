// What an engine owes the marks of a store when it makes, deletes and replaces files. Every function does nothing where
// `freshness` is off, or the file is none that a mark may name. docs/keys.md, "Freshness".
#pragma once

#include <functional>

#include "coffer/files/engine_role.h"
#include "coffer/files/file_writer.h"
#include "coffer/store/coffer.h"

namespace coffer {

// Logs and metadata right in a store's directory. Those in a directory that waits for its name are marked once they
// are written further at their place.
bool may_be_marked(const std::string& path, EngineRole role);

// The log at `path` is watched from now on.
void watch_log(Coffer& coffer, FileWriter& writer, const std::string& path, EngineRole role);
// The file is about to be deleted, renamed, emptied or recycled. Where this fails it has to stay as it is.
Status before_removal(Coffer& coffer, const std::string& path, EngineRole role);
// The same of the file that says which metadata is in force.
Status before_removal_of_current(Coffer& coffer, const std::string& path);
// That file is about to be replaced by the one with this id. `replace` does it, and makes its name durable.
Status replace_current(Coffer& coffer, const std::string& path, const Id& file_id,
                       const std::function<Status()>& replace);

// Any file at rest is about to be replaced by another one with the same contents, whose physical size is `size` and all
// durable. `replace` as above.
Status replace_at_rest(Coffer& coffer, const std::string& path, const Id& file_id, uint64_t size,
                       const std::function<Status()>& replace);

}  // namespace coffer
