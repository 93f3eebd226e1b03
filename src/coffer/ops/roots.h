// The root keys of a coffer: added to and taken out of its configuration, and changed. Each step is whole by itself, in
// an order that leaves a coffer that opens, wherever it is interrupted.
#pragma once

#include "coffer/store/coffer.h"

namespace coffer {

// Puts the root key of `uri` under `name` (empty: one that is free) into the configuration; it must be there and wrap.
// Returns the name: that of a root with this very URI and key, if there is one. kAlreadyExists for a name that is
// taken.
Result<std::string> add_root(Coffer& coffer, const std::string& name, const std::string& uri, ProviderOpener opener);
// kBusy while a slot of the keyring needs it.
Status remove_root(Coffer& coffer, const std::string& name);

struct RootRotation {
  std::string root;                  // that locks the keyring now
  std::vector<std::string> removed;  // from the configuration
};
// A fresh keyring key, wrapped by the root `to`: a name that is configured, a URI, or empty for the present one.
// A URI is added first, and the root that it takes the place of is removed at the end: on this one configuration. With
// a name nothing is edited: where several nodes have one each, add the new root to all, rotate, remove the old one.
Result<RootRotation> rotate_root(Coffer& coffer, const std::string& to, ProviderOpener opener);

}  // namespace coffer
