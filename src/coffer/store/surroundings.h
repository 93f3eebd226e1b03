// What a coffer's configuration says about where its keyring lives and how its root keys are reached.
#pragma once

#include <functional>
#include <mutex>
#include <optional>

#include "coffer/config/config.h"
#include "coffer/keys/live_keyring.h"

namespace coffer {

// A coffer's configuration. Thread-safe. `disk` outlives it.
class ConfigFile {
 public:
  ConfigFile(Disk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  // As it is now; parsed only if its text is another than the last time. kPermissionDenied when somebody else could
  // have written it; kInvalidArgument also when it does not say which coffer it is for.
  Result<Config> read();
  // `change` makes the new text of the present one. One at a time, between processes; old or new after a crash.
  // Where `path` is a symbolic link, what it leads to is replaced.
  Status edit(const std::function<Result<std::string>(std::string_view yaml)>& change);
  // While `what` is done, nobody edits it by edit(). Where this user may not lock it, it is done all the same.
  Status while_unedited(const std::function<Status()>& what);

 private:
  Disk& disk_;
  const std::string path_;
  std::mutex mutex_;
  Bytes text_;
  std::optional<Config> config_;  // of text_
};

// `place` is a coffer's directory or its configuration file. kNotFound when it is neither.
Result<std::string> config_path_of(Disk& disk, const std::string& place);

// Of a directory that has a keyring and no coffer.yaml: what to do.
Status lost_configuration(const std::string& directory, Code code);

// Where a keyring is, and whether it is at home there.
struct KeyringPlace {
  std::string directory;
  // Ok, or kForeign: it was copied or moved, and must not speak for the original. Says what to do.
  Status at_home;
};
// `keyring_instead`, if not empty, is where the operator wants it to be looked for.
Result<KeyringPlace> keyring_place_of(Disk& disk, const std::string& config_path, const Config& config,
                                      const std::string& keyring_instead);

// "NAME" or "NAME?OPTIONS", where the configuration has a root of that name: its URI, with those options besides or
// instead. Nothing for a URI.
struct NamedRoot {
  std::string name;
  ProviderUri uri;
};
Result<std::optional<NamedRoot>> named_root(const std::string& said, const ProviderConfig& providers);

// The root key that `config` has under this name. `uri_instead` is a URI, or what named_root() takes. A RootOpener's
// errors; without a provider if another root is named.
Result<ConfiguredRoot> open_configured_root(const std::string& name, const std::string& uri_instead,
                                            const Config& config, ProviderOpener open_provider);

// A KeyringStoreOpener of a program that knows keyrings in files only: kUnsupported.
Result<std::unique_ptr<KeyringStore>> open_no_keyring_store(const ProviderUri& uri, const ProviderConfig& config);
// Where `config` says that the keyring is. `disk` outlives it.
Result<std::unique_ptr<KeyringStore>> open_store_of(Disk& disk, const std::string& directory, const Config& config,
                                                    KeyringStoreOpener open_keyring_store);

// What opens the parts of a coffer that are elsewhere.
struct Openers {
  ProviderOpener provider;
  AnchorOpener anchor;
  KeyringStoreOpener keyring_store;
};
// Providers are opened with the configuration as it is at that time. `disk` outlives what is returned.
Result<KeyringSurroundings> surroundings_of(Disk& disk, const KeyringPlace& place, const Config& config,
                                            std::shared_ptr<ConfigFile> config_file, const Openers& openers);

}  // namespace coffer
