// What a coffer's programs remember of its root key: the record beside the keyring, and this machine's copy of the
// keyring key where coffer.yaml allows one.
#pragma once

#include "coffer/store/local_copy.h"
#include "coffer/store/root_record.h"
#include "coffer/store/surroundings.h"

namespace coffer {

// Of the coffer in `directory`. Goes by the configuration as it is at the time of each call. `disk` outlives it.
std::unique_ptr<RootMemory> open_root_memory(Disk& disk, std::shared_ptr<ConfigFile> config,
                                             ProviderOpener open_provider, std::string directory);

}  // namespace coffer
