// Coffer::create() and clone_to(): a new coffer's directory, configuration and keyring.
#include "coffer/base/clock.h"
#include "coffer/base/path.h"
#include "coffer/base/text.h"
#include "coffer/config/config_edit.h"
#include "coffer/crypto/random.h"
#include "coffer/io/trusted_path.h"
#include "coffer/keys/first_keyring.h"
#include "coffer/store/coffer.h"
#include "coffer/store/new_root.h"

namespace coffer {
namespace {

// A coffer that is to be: where its parts go, and what they are.
struct Plan {
  std::string directory;  // the keyring's, without symbolic links
  std::string config_path;
  std::string config_text;
  Config config;  // of that text
  Bytes sealed;
  bool is_clone = false;
};

// The path that `directory` will have, whether it is there already or not.
Result<std::string> home_path(Disk& disk, const std::string& directory) {
  auto there = disk.canonical(directory);
  if (there.code() != Code::kNotFound) return there;
  COFFER_ASSIGN(const std::string parent, disk.canonical(std::string(parent_of(directory))));
  return (parent == "/" ? "" : parent) + "/" + std::string(base_name(directory));
}

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

Result<Keyring> first_keyring(const Id& coffer_id, const Config& config) {
  COFFER_ASSIGN(Keyring keyring, Keyring::create(coffer_id, now_seconds()));
  for (const DomainPath& entry : config.domains) {
    if (keyring.find_domain(entry.domain) == nullptr) COFFER_TRY(keyring.add_domain(entry.domain, now_seconds()));
  }
  return keyring;
}

// The root that `named` stands for; a URI gets a name in the configuration's text, and a pin where there is one.
Result<ConfiguredRoot> take_root(const std::string& named, ProviderOpener opener, Plan& plan) {
  const ProviderConfig& providers = plan.config.providers;
  const auto known = providers.roots.find(named);
  if (known != providers.roots.end()) {
    COFFER_ASSIGN(auto provider, opener(known->second.uri, providers));
    return ConfiguredRoot{named, std::move(provider), known->second.fingerprint};
  }
  COFFER_ASSIGN(NewRoot root, new_root(named, providers, opener));
  COFFER_ASSIGN(plan.config_text, with_root(plan.config_text, root.opened.name, root.setting, plan.config_path));
  return std::move(root.opened);
}

// All that may fail elsewhere before anything is written here.
Result<Plan> make_plan(Disk& disk, const std::string& place, const Coffer::CreateOptions& options,
                       ProviderOpener opener) {
  Plan plan;
  COFFER_ASSIGN(plan.directory, home_path(disk, options.keyring.empty() ? place : options.keyring));
  plan.config_path = options.keyring.empty() ? plan.directory + "/coffer.yaml" : place;
  plan.config_text = options.config_text.empty() ? format_config(options.config) : options.config_text;
  COFFER_ASSIGN(plan.config, parse_config(plan.config_text, plan.config_path));
  COFFER_TRY(apply_crypto(plan.config));
  if (!plan.config.coffer_id.is_zero()) {
    return {Code::kInvalidArgument, "the configuration to begin with is that of coffer " +
                                        plan.config.coffer_id.short_hex() + "; take its lines coffer and keyring out"};
  }
  COFFER_ASSIGN(const Id coffer_id, random_id());
  COFFER_ASSIGN(const ConfiguredRoot root, take_root(options.root_uri, opener, plan));
  COFFER_ASSIGN(plan.config_text, with_identity(plan.config_text, coffer_id, plan.directory, plan.config_path));
  COFFER_ASSIGN(plan.config, parse_config(plan.config_text, plan.config_path));
  COFFER_ASSIGN(const Keyring keyring, first_keyring(coffer_id, plan.config));
  COFFER_ASSIGN(plan.sealed, seal_first_keyring(keyring, root));
  return plan;
}

// The first keyring, remembered by the anchor; a clone's is no first one, and has none.
Status write_keyring(Disk& disk, const Plan& plan, ProviderOpener opener, AnchorOpener open_anchor) {
  COFFER_TRY(check_only_owner_changes(disk, plan.config_path));
  if (plan.is_clone) return create_file(disk, plan.directory + "/keyring", plan.sealed, 0600);
  auto file = std::make_shared<ConfigFile>(disk, plan.config_path);
  return save_first_keyring(
      surroundings_of(disk, {plan.directory, Status::ok()}, plan.config, std::move(file), opener, open_anchor),
      plan.sealed);
}

// Best effort: the error that counts is another one. Whoever made the configuration made all of it.
Status undo(Disk& disk, const Plan& plan, bool made_config, bool made_directory, const Status& status) {
  const auto gone = [&](const std::string& path) {
    const Status removed = disk.remove(path);
    return removed.is_ok() || removed.code() == Code::kNotFound;
  };
  bool clean = true;
  if (made_config) {
    for (const char* name : {"/keyring", "/keyring.lock", "/anchor.lock"}) clean = gone(plan.directory + name) && clean;
    clean = gone(plan.config_path) && clean;
  }
  if (made_directory && clean) clean = gone(plan.directory);
  return clean ? status : status.with_context("left behind: " + plan.directory);
}

Status carry_out(Disk& disk, const Plan& plan, ProviderOpener opener, AnchorOpener open_anchor) {
  COFFER_ASSIGN(const bool made, claim_directory(disk, plan.directory));
  const Status config_made = create_file(disk, plan.config_path, as_bytes(plan.config_text), 0644);
  const Status status = config_made.is_ok() ? write_keyring(disk, plan, opener, open_anchor) : config_made;
  return status.is_ok() ? status : undo(disk, plan, config_made.is_ok(), made, status);
}

}  // namespace

Status Coffer::create(Disk& disk, const std::string& place, const CreateOptions& options, ProviderOpener opener) {
  if (has_control(place) || has_control(options.keyring) || has_control(options.config.anchor)) {
    return {Code::kInvalidArgument, printable(place) + ": paths of a coffer and its anchor hold no control characters"};
  }
  COFFER_ASSIGN(const Plan plan, make_plan(disk, absolute_path(place), options, opener));
  return carry_out(disk, plan, opener, options.open_anchor);
}

Status Coffer::clone_to(const std::string& directory, ProviderOpener opener) const {
  Plan plan;
  plan.is_clone = true;
  COFFER_ASSIGN(plan.directory, home_path(disk_, absolute_path(directory)));
  plan.config_path = plan.directory + "/coffer.yaml";
  COFFER_ASSIGN(const Id coffer_id, random_id());
  COFFER_ASSIGN(const Bytes text, read_file(disk_, config_path(), kConfigSizeMax));
  COFFER_ASSIGN(plan.config_text, without_anchor(as_text(text), config_path()));
  COFFER_ASSIGN(plan.config_text, with_identity(plan.config_text, coffer_id, plan.directory, config_path()));
  COFFER_ASSIGN(plan.config, parse_config(plan.config_text, plan.config_path));
  COFFER_ASSIGN(const ConfiguredRoot root,
                open_configured_root(live_keyring().header()->slots.front().root, "", plan.config, opener));
  COFFER_ASSIGN(const KeyringKey key, random_key<KeyringRole>(kKeyringKeySize));
  COFFER_ASSIGN(const KeyringSlot slot, make_slot(root, coffer_id, key));
  const Keyring keyring = this->keyring()->clone_for(coffer_id, now_seconds());
  COFFER_ASSIGN(plan.sealed, KeyringCodec::seal(keyring, std::span(&slot, 1), key));
  return carry_out(disk_, plan, opener, open_anchor_at_path);
}

}  // namespace coffer
