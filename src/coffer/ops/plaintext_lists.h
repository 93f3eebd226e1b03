// The lists of what is still plaintext in stores that are brought over while they are served: files/plaintext_list.h.
#pragma once

#include "coffer/files/engine_files.h"
#include "coffer/ops/inventory.h"

namespace coffer {

// Lists all that is the engine's and plaintext in `paths`, each store's for itself. `listed`: called for each.
Status begin_lists(Coffer& coffer, const std::vector<std::string>& paths, const EngineFiles& files,
                   const std::function<void(const InventoryFile&)>& listed);
// Of the stores in `paths`: what is not there any more, or not plaintext, leaves its list.
Status shorten_lists(Coffer& coffer, const std::vector<std::string>& paths);
// And all that is left does.
Status end_lists(Coffer& coffer, const std::vector<std::string>& paths);

}  // namespace coffer
