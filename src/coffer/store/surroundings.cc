#include "coffer/store/surroundings.h"

namespace coffer {

Result<Config> ConfigFile::read() {
  const std::string path = directory_ + "/coffer.yaml";
  auto text = read_file(disk_, path, kConfigSizeMax);
  if (text.code() == Code::kNotFound) {
    return {Code::kNotFound, directory_ + " is not a coffer: it has no coffer.yaml; coffer init makes one"};
  }
  if (!text.is_ok()) return text.status();
  std::lock_guard lock(mutex_);
  if (!config_.has_value() || *text != text_) {
    COFFER_ASSIGN(config_, parse_config(as_text(*text), path));
    text_ = std::move(*text);
  }
  return *config_;
}

KeyringSurroundings surroundings_of(Disk& disk, const std::string& directory, const Config& config,
                                    std::shared_ptr<ConfigFile> config_file, ProviderOpener open_provider,
                                    AnchorOpener open_anchor) {
  KeyringSurroundings out;
  out.store = open_file_keyring_store(disk, directory);
  out.open_root = [config_file = std::move(config_file),
                   open_provider](const std::string& uri) -> Result<std::unique_ptr<RootKeyProvider>> {
    COFFER_ASSIGN(const Config now, config_file->read());
    return open_provider(uri, now.providers);
  };
  if (!config.anchor.empty()) {
    out.open_anchor = [&disk, directory, open_anchor, name = config.anchor,
                       sealing_key = config.providers.sealing_key](const Id& coffer_id) {
      return open_anchor(disk, {name, coffer_id, directory, sealing_key});
    };
  }
  return out;
}

}  // namespace coffer
