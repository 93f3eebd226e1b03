// A store that was every node's becomes this node's own. docs/cluster.md, "Stores of a node".
#pragma once

#include "coffer/store/coffer.h"

namespace coffer {

// A store of this node's own comes to the place of the one that is at `path`, as a path of the keyring's or an id: it
// may hold what that one may, and its files. That one stays every other node's. kNotFound; kAlreadyExists: it is a
// node's own; kInvalidArgument: this node has no stores of its own there, or nothing is there; kBusy: it is in
// transition, or being renamed. Returns the new one.
Result<StoreEntry> own_store(Coffer& coffer, const std::string& path);

}  // namespace coffer
