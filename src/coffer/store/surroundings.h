// What a coffer's directory and configuration say about where its keyring lives and how its root keys are reached.
#pragma once

#include <mutex>
#include <optional>

#include "coffer/config/config.h"
#include "coffer/keys/live_keyring.h"

namespace coffer {

// <directory>/coffer.yaml. Thread-safe. `disk` outlives it.
class ConfigFile {
 public:
  ConfigFile(Disk& disk, std::string directory) : disk_(disk), directory_(std::move(directory)) {}

  // As it is now; parsed only if its text is another than the last time. kNotFound: the directory is no coffer.
  Result<Config> read();

 private:
  Disk& disk_;
  const std::string directory_;
  std::mutex mutex_;
  Bytes text_;
  std::optional<Config> config_;  // of text_
};

// Providers are opened with coffer.yaml as it is at that time. `disk` outlives what is returned.
KeyringSurroundings surroundings_of(Disk& disk, const std::string& directory, const Config& config,
                                    std::shared_ptr<ConfigFile> config_file, ProviderOpener open_provider,
                                    AnchorOpener open_anchor);

}  // namespace coffer
