// What a coffer's directory and configuration say about where its keyring lives and how its root keys are reached.
#pragma once

#include "coffer/config/config.h"
#include "coffer/keys/live_keyring.h"

namespace coffer {

// <directory>/coffer.yaml as it is now. kNotFound: the directory is no coffer.
Result<Config> read_config_of(Disk& disk, const std::string& directory);
// Providers are opened with coffer.yaml as it is at that time. `disk` outlives what is returned.
KeyringSurroundings surroundings_of(Disk& disk, const std::string& directory, const Config& config,
                                    ProviderOpener open_provider, AnchorOpener open_anchor);

}  // namespace coffer
