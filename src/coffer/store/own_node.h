// The node that a coffer's directory is of: its keys, and COFFER/node.pin, by which it knows whose slots to believe.
// docs/format.md, section 28.
#pragma once

#include "coffer/keys/own_node.h"
#include "coffer/store/surroundings.h"

namespace coffer {

inline constexpr std::string_view kNodePinName = "node.pin";

// `disk` outlives it.
std::unique_ptr<OwnNode> open_own_node(Disk& disk, std::shared_ptr<ConfigFile> config, ProviderOpener opener,
                                       std::string directory);

}  // namespace coffer
