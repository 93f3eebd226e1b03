#include "coffer/store/surroundings.h"

#include "coffer/base/path.h"
#include "coffer/io/trusted_path.h"
#include "coffer/store/keyring_copy.h"
#include "coffer/store/own_node.h"
#include "coffer/store/root_memory.h"

namespace coffer {
namespace {

Result<bool> is_same_directory(Disk& disk, const std::string& a, const std::string& b) {
  COFFER_ASSIGN(const FileInfo first, disk.info(a));
  auto second = disk.info(b);
  if (second.code() == Code::kNotFound) return false;
  if (!second.is_ok()) return second.status();
  return first.inode == second->inode && first.device == second->device;
}

// Where coffer.yaml cannot be read right now the keyring stays where it is: what has moved from there says so itself.
decltype(KeyringSurroundings::follow_store) follower_of(Disk& disk, const KeyringPlace& place, const Config& config,
                                                        const std::shared_ptr<ConfigFile>& config_file,
                                                        const Openers& openers) {
  return [&disk, directory = place.directory, config_file, open = openers.keyring_store,
          known = config.keyring_store]() mutable -> Result<std::unique_ptr<KeyringStore>> {
    const auto now = config_file->read();
    if (!now.is_ok() || now->keyring_store == known) return std::unique_ptr<KeyringStore>();
    COFFER_ASSIGN(auto store, open_store_of(disk, directory, *now, open));
    known = now->keyring_store;
    return store;
  };
}

// What to do about a keyring that is not where its configuration says.
Status away(Disk& disk, const std::string& here, const Config& config, const std::string& config_path) {
  const bool original_is_there = disk.info(config.keyring + "/keyring").is_ok();
  const std::string what = here + " was copied or moved: the coffer lives in " + config.keyring;
  const std::string clone = "coffer store clone " + here + " DIRECTORY makes an independent coffer of it";
  if (original_is_there) return {Code::kForeign, what + ", which is still there; " + clone};
  return {Code::kForeign, what + ", where it is no longer; if it was moved, write \"keyring: " + here + "\" into " +
                              config_path + "; if it is a copy, " + clone};
}

}  // namespace

Result<Config> ConfigFile::read() {
  COFFER_TRY(check_only_owner_changes(disk_, path_).with_context("the configuration is not believed"));
  COFFER_ASSIGN(Bytes text, read_file(disk_, path_, kConfigSizeMax));
  std::lock_guard lock(mutex_);
  if (config_.has_value() && text == text_) return *config_;
  COFFER_ASSIGN(Config config, parse_config(as_text(text), path_));
  if (config.coffer_id.is_zero() || config.keyring.empty()) {
    return {Code::kInvalidArgument, path_ + ": \"" + (config.keyring.empty() ? "keyring" : "coffer") +
                                        "\" is missing: it does not say which coffer it is for; give it to coffer "
                                        "init --template"};
  }
  config_ = std::move(config);
  text_ = std::move(text);
  return *config_;
}

Status ConfigFile::edit(const std::function<Result<std::string>(std::string_view yaml)>& change) {
  COFFER_ASSIGN(const std::string file, disk_.canonical(path_));
  COFFER_ASSIGN(const auto lock, disk_.lock(file + ".lock", true));
  COFFER_TRY(read().status());
  COFFER_ASSIGN(const Bytes text, read_file(disk_, file, kConfigSizeMax));
  COFFER_ASSIGN(const std::string changed, change(as_text(text)));
  if (as_text(text) == changed) return Status::ok();
  remove_leftovers(disk_, file);
  return replace_file(disk_, file, as_bytes(changed), 0644);
}

Status ConfigFile::while_unedited(const std::function<Status()>& what) {
  COFFER_ASSIGN(const std::string file, disk_.canonical(path_));
  const auto lock = disk_.lock(file + ".lock", true);
  if (!lock.is_ok() && lock.code() != Code::kPermissionDenied) return lock.status();
  return what();
}

Result<std::string> config_path_of(Disk& disk, const std::string& place) {
  const auto info = disk.info(place);
  if (info.code() == Code::kNotFound) {
    return {Code::kNotFound, place + " is not a coffer: it is not there; coffer init makes one"};
  }
  if (!info.is_ok()) return info.status();
  if (!info->is_directory) return place;
  const std::string path = place + "/coffer.yaml";
  if (disk.info(path).code() != Code::kNotFound) return path;
  if (disk.info(place + "/keyring").is_ok()) {
    return lost_configuration(place, Code::kNotFound);
  }
  return {Code::kNotFound, place + " is not a coffer: it has no coffer.yaml; coffer init makes one"};
}

Status lost_configuration(const std::string& directory, Code code) {
  return {code, directory +
                    " has a keyring, but no coffer.yaml; name its configuration file instead of the directory, " +
                    "or restore that from a backup; if it is lost: coffer init " + directory +
                    " --root URI --keep-keyring writes a new one"};
}

Result<KeyringPlace> keyring_place_of(Disk& disk, const std::string& config_path, const Config& config,
                                      const std::string& keyring_instead) {
  const std::string beside(parent_of(config_path));
  std::string here = keyring_instead;
  // A configuration that has a keyring beside it speaks of that one: it may have been copied together with it.
  if (here.empty()) here = disk.info(beside + "/keyring").is_ok() ? beside : config.keyring;
  if (here == config.keyring) return KeyringPlace{here, Status::ok()};
  COFFER_ASSIGN(const bool at_home, is_same_directory(disk, here, config.keyring));
  return KeyringPlace{here, at_home ? Status::ok() : away(disk, here, config, config_path)};
}

Result<std::optional<NamedRoot>> named_root(const std::string& said, const ProviderConfig& providers) {
  const size_t question = std::min(said.find('?'), said.size());
  const auto found = providers.roots.find(said.substr(0, question));
  if (found == providers.roots.end()) return std::optional<NamedRoot>();
  NamedRoot out{found->first, found->second.uri};
  if (question == said.size()) return std::optional(std::move(out));
  // Of a URI's form, so that options are read as they are everywhere.
  COFFER_ASSIGN(const ProviderUri options, parse_provider_uri("root:" + said));
  for (const auto& option : options.options) {
    std::erase_if(out.uri.options, [&](const auto& configured) { return configured.first == option.first; });
    out.uri.option_places.erase(option.first);
    out.uri.options.push_back(option);
  }
  return std::optional(std::move(out));
}

Result<ConfiguredRoot> open_configured_root(const std::string& name, const std::string& uri_instead,
                                            const Config& config, ProviderOpener open_provider) {
  const ProviderConfig& providers = config.providers;
  const auto found = providers.roots.find(name);
  if (found == providers.roots.end()) {
    return {Code::kKeyUnavailable, "the keyring is locked by root \"" + name + "\", which " + providers.name +
                                       " does not have; if that is right, add it under \"roots\", else restore the "
                                       "keyring"};
  }
  ConfiguredRoot root{name, nullptr, found->second.fingerprint, found->second.key_group};
  ProviderUri uri = found->second.uri;
  COFFER_ASSIGN(const auto named, named_root(uri_instead, providers));
  if (named.has_value()) {
    if (named->name != name) return root;
    uri = named->uri;
  } else if (!uri_instead.empty()) {
    COFFER_ASSIGN(uri, parse_provider_uri(uri_instead));
  }
  COFFER_ASSIGN(root.provider, open_provider(uri, providers));
  return root;
}

Result<std::unique_ptr<KeyringStore>> open_no_keyring_store(const ProviderUri& uri, const ProviderConfig&) {
  return {Code::kUnsupported, uri.place + ": this program knows keyrings in files only"};
}

Result<std::unique_ptr<KeyringStore>> open_store_of(Disk& disk, const std::string& directory, const Config& config,
                                                    KeyringStoreOpener open_keyring_store) {
  if (!config.keyring_store) return open_file_keyring_store(disk, directory);
  auto store = open_keyring_store(*config.keyring_store, config.providers);
  return store.is_ok() ? std::move(store) : store.status().with_context(config.keyring_store->place);
}

Result<KeyringSurroundings> surroundings_of(Disk& disk, const KeyringPlace& place, const Config& config,
                                            std::shared_ptr<ConfigFile> config_file, const Openers& openers) {
  KeyringSurroundings out;
  COFFER_ASSIGN(out.store, open_store_of(disk, place.directory, config, openers.keyring_store));
  if (config_file != nullptr) out.follow_store = follower_of(disk, place, config, config_file, openers);
  if (config_file != nullptr && config.policy.keyring_copy && place.at_home.is_ok()) {
    const auto open_store = [&disk, directory = place.directory, config_file,
                             open = openers.keyring_store]() -> Result<std::unique_ptr<KeyringStore>> {
      COFFER_ASSIGN(const Config now, config_file->read());
      if (!now.keyring_store) return std::unique_ptr<KeyringStore>();
      return open_store_of(disk, directory, now, open);
    };
    out.copy = open_keyring_copy(disk, place.directory, *config.policy.keyring_copy, open_store);
  }
  out.coffer_id = config.coffer_id;
  out.may_change = place.at_home;
  // A copy of the coffer is for looking at, and keeps nothing.
  if (place.at_home.is_ok()) {
    out.root_memory = open_root_memory(disk, config_file, openers.provider, place.directory);
    if (config_file != nullptr) out.own_node = open_own_node(disk, config_file, openers.provider, place.directory);
  }
  out.open_root = [config_file = std::move(config_file), open_provider = openers.provider](
                      const std::string& name, const std::string& uri_instead) -> Result<ConfiguredRoot> {
    COFFER_ASSIGN(const Config now, config_file->read());
    return open_configured_root(name, uri_instead, now, open_provider);
  };
  // A copy is older than the original by right, and must not make the original look old.
  if (!config.anchor.empty() && place.at_home.is_ok()) {
    const AnchorPlace anchor{config.anchor, config.coffer_id, place.directory, config.providers.sealing_key};
    out.open_anchor = [&disk, open_anchor = openers.anchor, anchor] { return open_anchor(disk, anchor); };
  }
  return out;
}

}  // namespace coffer
