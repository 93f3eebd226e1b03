#include "coffer/store/surroundings.h"

namespace coffer {

Result<Config> read_config_of(Disk& disk, const std::string& directory) {
  auto config = read_config(disk, directory + "/coffer.yaml");
  if (config.code() != Code::kNotFound) return config;
  return {Code::kNotFound, directory + " is not a coffer: it has no coffer.yaml; coffer init makes one"};
}

KeyringSurroundings surroundings_of(Disk& disk, const std::string& directory, const Config& config,
                                    ProviderOpener open_provider, AnchorOpener open_anchor) {
  KeyringSurroundings out;
  out.store = open_file_keyring_store(disk, directory);
  out.open_root = [&disk, directory,
                   open_provider](const std::string& uri) -> Result<std::unique_ptr<RootKeyProvider>> {
    COFFER_ASSIGN(const Config now, read_config_of(disk, directory));
    return open_provider(uri, now.providers);
  };
  if (!config.anchor.empty()) {
    out.open_anchor = [&disk, directory, open_anchor, place = config.anchor](const Id& coffer_id) {
      return open_anchor(disk, place, coffer_id, directory);
    };
  }
  return out;
}

}  // namespace coffer
