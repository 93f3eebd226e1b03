// A root key that the configuration does not have yet: reached by its URI, named and pinned.
#pragma once

#include "coffer/config/provider_config.h"
#include "coffer/keys/slot.h"

namespace coffer {

struct NewRoot {
  ConfiguredRoot opened;
  RootSetting setting;  // what the configuration is to have under opened.name
};

// `uri` as the command line has it: relative paths are below the current directory. The name is the first of root-1,
// root-2 … that is free. Pinned if the key is one that its URI stands for for good.
Result<NewRoot> new_root(const std::string& uri, const ProviderConfig& config, ProviderOpener opener);

}  // namespace coffer
