// Coffer::create(): a new coffer's directory, configuration and first keyring.
#include "coffer/base/clock.h"
#include "coffer/base/text.h"
#include "coffer/crypto/random.h"
#include "coffer/keys/first_keyring.h"
#include "coffer/store/coffer.h"
#include "coffer/store/surroundings.h"

namespace coffer {
namespace {

// Fails when `directory` holds anything; makes it when it does not exist. Says whether it was made here.
Result<bool> claim_directory(Disk& disk, const std::string& directory) {
  auto entries = disk.list(directory);
  if (!entries.is_ok() && entries.code() == Code::kNotFound) {
    COFFER_TRY(disk.make_directory(directory, 0700));
    return true;
  }
  if (!entries.is_ok()) return entries.status();
  for (const DirectoryEntry& entry : *entries) {
    if (entry.name == "keyring") {
      return {Code::kAlreadyExists, directory + " is a coffer already; to change its root key use rotate root"};
    }
  }
  if (!entries->empty()) {
    return {Code::kInvalidArgument,
            directory + " is not empty (it holds \"" + entries->front().name + "\"); give a new or empty directory"};
  }
  return false;
}

Result<Keyring> first_keyring(const Config& config) {
  COFFER_ASSIGN(Id coffer_id, random_id());
  COFFER_ASSIGN(Keyring keyring, Keyring::create(coffer_id, now_seconds()));
  for (const DomainPath& entry : config.domains) {
    if (keyring.find_domain(entry.domain) == nullptr) COFFER_TRY(keyring.add_domain(entry.domain, now_seconds()));
  }
  return keyring;
}

}  // namespace

Status Coffer::create(Disk& disk, const std::string& directory, const CreateOptions& options, ProviderOpener opener) {
  if (has_control(directory) || has_control(options.config.anchor)) {
    return {Code::kInvalidArgument,
            printable(directory) + ": paths of a coffer and its anchor hold no control characters"};
  }
  const std::string config_path = directory + "/coffer.yaml";
  const std::string config_text = options.config_text.empty() ? format_config(options.config) : options.config_text;
  // All that may fail elsewhere before anything is written here.
  COFFER_ASSIGN(const Config config, parse_config(config_text, config_path));
  COFFER_ASSIGN(auto provider, opener(options.root_uri, config.providers));
  COFFER_ASSIGN(Keyring keyring, first_keyring(config));
  COFFER_ASSIGN(Bytes sealed, seal_first_keyring(keyring, *provider));

  COFFER_ASSIGN(bool made, claim_directory(disk, directory));
  Status status = replace_file(disk, config_path, as_bytes(config_text), 0644);
  if (status.is_ok()) {
    auto file = std::make_shared<ConfigFile>(disk, directory);
    status = save_first_keyring(surroundings_of(disk, directory, config, std::move(file), opener, options.open_anchor),
                                sealed);
  }
  if (!status.is_ok()) {
    // Best effort: the error that counts is the one above.
    for (const char* name : {"/keyring", "/keyring.lock", "/anchor.lock", "/coffer.yaml"}) {
      if (!disk.remove(directory + name).is_ok()) continue;
    }
    if (made && !disk.remove(directory).is_ok()) status = status.with_context("left behind: " + directory);
  }
  return status;
}

}  // namespace coffer
