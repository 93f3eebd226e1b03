// Coffer::create() and clone_to(): a new coffer's directory, configuration and keyring. And restore_config(): a new
// configuration for a keyring that is there.
#include <algorithm>

#include "coffer/base/clock.h"
#include "coffer/base/path.h"
#include "coffer/base/text.h"
#include "coffer/config/config_edit.h"
#include "coffer/crypto/random.h"
#include "coffer/io/trusted_path.h"
#include "coffer/keys/audit_file.h"
#include "coffer/keys/first_keyring.h"
#include "coffer/keys/keyring_body.h"
#include "coffer/keys/shard_files.h"
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
  FirstKeyring first;
};

// The path that `directory` will have, whether it is there already or not.
Result<std::string> home_path(Disk& disk, const std::string& directory) {
  auto there = disk.canonical(directory);
  if (there.code() != Code::kNotFound) return there;
  COFFER_ASSIGN(const std::string parent, disk.canonical(std::string(parent_of(directory))));
  return (parent == "/" ? "" : parent) + "/" + std::string(base_name(directory));
}

// What to do where there is a coffer already, or a part of one. Ok where there is none.
Status check_no_coffer(Disk& disk, const Plan& plan) {
  if (plan.config.keyring_store) {
    // What is in the store is found by saving there.
    if (!disk.info(plan.config_path).is_ok()) return Status::ok();
    return {Code::kAlreadyExists, plan.config_path + " is there already; a new coffer takes a place of its own"};
  }
  const bool has_keyring = disk.info(plan.directory + "/keyring").is_ok();
  const bool has_config = disk.info(plan.config_path).is_ok();
  if (has_keyring && (has_config || disk.info(plan.directory + "/coffer.yaml").is_ok())) {
    return {Code::kAlreadyExists, plan.directory + " is a coffer already; to change its root key: coffer rotate root"};
  }
  if (has_keyring) return lost_configuration(plan.directory, Code::kAlreadyExists);
  if (!has_config) return Status::ok();
  return {Code::kAlreadyExists, plan.config_path + " is there already, and no keyring is in " + plan.directory +
                                    "; if that was lost, restore " + plan.directory +
                                    "/keyring from a backup; a new coffer takes a place of its own"};
}

// Fails when `directory` holds anything but what a killed attempt left; makes it when it does not exist. Says whether
// it was made here.
Result<bool> claim_directory(Disk& disk, const std::string& directory) {
  auto entries = disk.list(directory);
  if (!entries.is_ok() && entries.code() == Code::kNotFound) {
    const Status made = disk.make_directory(directory, 0700);
    // Somebody else may just have made it, and may lose the race that follows.
    if (made.code() != Code::kAlreadyExists) return made.is_ok() ? Result<bool>(true) : made;
    entries = disk.list(directory);
  }
  if (!entries.is_ok()) return entries.status();
  for (const DirectoryEntry& entry : *entries) {
    if (Coffer::is_own_file(entry.name)) continue;
    return {Code::kInvalidArgument,
            directory + " is not empty (it holds \"" + entry.name + "\"); give a new or empty directory"};
  }
  return false;
}

Result<Keyring> first_keyring(const Id& coffer_id, const Config& config) {
  COFFER_ASSIGN(Keyring keyring, Keyring::create(coffer_id, now_seconds()));
  for (const DomainPath& entry : config.domains) {
    if (entry.domain == kEachItsOwn || keyring.find_domain(entry.domain) != nullptr) continue;
    COFFER_TRY(keyring.add_domain(entry.domain, now_seconds()));
  }
  return keyring;
}

// The root that `named` stands for; a URI gets a name in the configuration's text, and a pin where there is one.
Result<ConfiguredRoot> take_root(const std::string& named, ProviderOpener opener, Plan& plan) {
  const ProviderConfig& providers = plan.config.providers;
  const auto known = providers.roots.find(named);
  if (known != providers.roots.end()) {
    if (!known->second.key_group.empty()) {
      return {Code::kInvalidArgument, "root " + named + " is that of key group \"" + known->second.key_group +
                                          "\", and may not lock the keyring; name another one"};
    }
    COFFER_ASSIGN(auto provider, opener(known->second.uri, providers));
    return ConfiguredRoot{named, std::move(provider), known->second.fingerprint};
  }
  COFFER_ASSIGN(NewRoot root, new_root(named, providers, opener));
  COFFER_ASSIGN(plan.config_text, with_root(plan.config_text, root.opened.name, root.setting, plan.config_path));
  return std::move(root.opened);
}

// Where it goes, and the configuration to begin with.
Result<Plan> begin_plan(Disk& disk, const std::string& place, const Coffer::CreateOptions& options) {
  if (has_control(place) || has_control(options.keyring) || has_control(options.config.anchor)) {
    return {Code::kInvalidArgument, printable(place) + ": paths of a coffer and its anchor hold no control characters"};
  }
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
  return plan;
}

// All that may fail elsewhere before anything is written here.
Result<Plan> make_plan(Disk& disk, const std::string& place, const Coffer::CreateOptions& options,
                       ProviderOpener opener) {
  COFFER_ASSIGN(Plan plan, begin_plan(disk, place, options));
  COFFER_ASSIGN(const Id coffer_id, random_id());
  COFFER_ASSIGN(const ConfiguredRoot root, take_root(options.root_uri, opener, plan));
  COFFER_ASSIGN(plan.config_text, with_identity(plan.config_text, coffer_id, plan.directory, plan.config_path));
  COFFER_ASSIGN(plan.config, parse_config(plan.config_text, plan.config_path));
  COFFER_ASSIGN(Keyring keyring, first_keyring(coffer_id, plan.config));
  COFFER_ASSIGN(plan.first, seal_first_keyring(std::move(keyring), root, "a new coffer"));
  return plan;
}

// Whole or not there, whenever this is killed; of several at once, one. kAlreadyExists: it is there. `before`: what has
// to be done first by who is the one.
Status write_new(Disk& disk, const std::string& path, ByteView contents, uint32_t mode,
                 const std::function<Status()>& before = {}) {
  COFFER_ASSIGN(const auto lock, disk.lock(path + ".lock", true));
  const auto there = disk.info(path);
  if (there.is_ok()) return {Code::kAlreadyExists, path + " is there already; a new coffer takes a place of its own"};
  if (there.code() != Code::kNotFound) return there.status();
  remove_leftovers(disk, path);
  if (before) COFFER_TRY(before());
  return replace_file(disk, path, contents, mode);
}

std::string audit_path_of(const Plan& plan) { return plan.directory + "/" + std::string(kAuditFileName); }

Status save_first_keyring(Disk& disk, const Plan& plan, const Openers& openers) {
  COFFER_ASSIGN(const auto store, open_store_of(disk, plan.directory, plan.config, openers.keyring_store));
  COFFER_TRY(store->check_shared());
  std::vector<Sha256> named;
  for (const SealedShard& shard : plan.first.shards) named.push_back(shard.name);
  const Status saved = store->save(plan.first.sealed, 0, plan.first.audit_record, {plan.first.shards, named});
  if (saved.code() != Code::kConflict && saved.code() != Code::kInvalidArgument) return saved;
  return {Code::kAlreadyExists, "there is a keyring at " + store->name() +
                                    " already; if it is this coffer's: coffer init --keep-keyring; a new coffer takes "
                                    "a place of its own"};
}

Status write_keyring(Disk& disk, const Plan& plan, const Openers& openers) {
  if (plan.config.keyring_store) return save_first_keyring(disk, plan, openers);
  return write_new(disk, plan.directory + "/keyring", plan.first.sealed, 0600, [&] {
    COFFER_TRY(write_shard_files(disk, plan.directory, plan.first.shards));
    remove_leftovers(disk, audit_path_of(plan));
    return replace_file(disk, audit_path_of(plan), as_bytes(plan.first.audit_record), kAuditFileMode,
                        ReplacedMode::kGiven);
  });
}

Status write_config(Disk& disk, const Plan& plan) {
  COFFER_TRY(write_new(disk, plan.config_path, as_bytes(plan.config_text), 0644));
  return check_only_owner_changes(disk, plan.config_path);
}

// The slot of that root key, as far as it can be told before it opens.
const KeyringSlot& slot_of(const NewRoot& root, const std::vector<KeyringSlot>& slots) {
  for (const KeyringSlot& slot : slots) {
    if (root.opened.provider->check(slot.handle).is_ok()) return slot;
  }
  return slots.front();
}

// Puts the root key of `root_uri` into the plan's configuration under its slot's name, unless that has it by this name.
Status name_root_of_slot(const std::vector<KeyringSlot>& slots, const std::string& root_uri, ProviderOpener opener,
                         Plan& plan) {
  const ProviderConfig& providers = plan.config.providers;
  if (providers.roots.contains(root_uri)) return Status::ok();
  COFFER_ASSIGN(const NewRoot root, new_root(root_uri, providers, opener));
  const KeyringSlot& slot = slot_of(root, slots);
  if (!valid_root_name(slot.root)) {
    return {Code::kInvalidArgument, plan.directory + "/keyring names its root \"" + printable(slot.root) +
                                        "\", which is no name of a root; restore the keyring from a backup"};
  }
  COFFER_ASSIGN(plan.config_text, with_root(plan.config_text, slot.root, root.setting, plan.config_path));
  return Status::ok();
}

// Best effort: the error that counts is another one. What another attempt at the same place made stays: each has a
// coffer id of its own.
Status undo(Disk& disk, const Plan& plan, bool made_directory, const Status& status) {
  bool clean = true;
  const auto remove = [&](const std::string& path) {
    const Status removed = disk.remove(path);
    clean = (removed.is_ok() || removed.code() == Code::kNotFound) && clean;
  };
  const auto remove_own = [&](const std::string& path, ByteView contents) {
    const auto stored = read_file(disk, path, contents.size());
    if (stored.is_ok() && std::ranges::equal(*stored, contents)) remove(path);
  };
  const std::string keyring = plan.directory + "/keyring";
  remove_own(keyring, plan.first.sealed);
  for (const SealedShard& shard : plan.first.shards) remove_own(shard_path(plan.directory, shard.name), shard.bytes);
  remove_own(audit_path_of(plan), as_bytes(plan.first.audit_record));
  remove_own(plan.config_path, as_bytes(plan.config_text));
  if (made_directory && !disk.info(keyring).is_ok()) {
    for (const char* name : {"/keyring.d", "/keyring.lock", "/coffer.yaml.lock", "/anchor.lock"}) {
      remove(plan.directory + name);
    }
    remove(plan.directory);
  }
  return clean ? status : status.with_context("left behind: " + plan.directory);
}

// What stands behind the keyring.
Status finish_parts(Disk& disk, const Plan& plan, const Openers& openers) {
  COFFER_TRY(write_config(disk, plan));
  auto file = std::make_shared<ConfigFile>(disk, plan.config_path);
  COFFER_ASSIGN(const KeyringSurroundings surroundings,
                surroundings_of(disk, {plan.directory, Status::ok()}, plan.config, std::move(file), openers));
  return remember_first_keyring(surroundings, plan.first.sealed);
}

// The keyring first: who saves it has the place. Killed behind it, restore_config() goes on.
Status write_parts(Disk& disk, const Plan& plan, const Openers& openers) {
  COFFER_TRY(write_keyring(disk, plan, openers));
  const Status finished = finish_parts(disk, plan, openers);
  if (finished.is_ok() || !plan.config.keyring_store) return finished;
  return {finished.code(), std::string(finished.message()) + "; its keyring is in etcd already, with which coffer init "
                                                             "--keep-keyring goes on"};
}

Status carry_out(Disk& disk, const Plan& plan, const Openers& openers) {
  COFFER_TRY(check_no_coffer(disk, plan));
  COFFER_ASSIGN(const bool made, claim_directory(disk, plan.directory));
  const Status status = write_parts(disk, plan, openers);
  return status.is_ok() ? status : undo(disk, plan, made, status);
}

}  // namespace

Status Coffer::create(Disk& disk, const std::string& place, const CreateOptions& options, ProviderOpener opener) {
  COFFER_ASSIGN(const Plan plan, make_plan(disk, absolute_path(place), options, opener));
  return carry_out(disk, plan, {opener, options.open_anchor, options.open_keyring_store});
}

Status Coffer::restore_config(Disk& disk, const std::string& place, const CreateOptions& options,
                              ProviderOpener opener) {
  COFFER_ASSIGN(Plan plan, begin_plan(disk, absolute_path(place), options));
  if (disk.info(plan.config_path).is_ok()) {
    return {Code::kAlreadyExists, plan.config_path + " is there already; move it away if it is to be written anew"};
  }
  COFFER_ASSIGN(const auto store, open_store_of(disk, plan.directory, plan.config, options.open_keyring_store));
  COFFER_TRY(store->check_shared());
  COFFER_ASSIGN(const KeyringStore::Snapshot stored, store->load());
  COFFER_TRY(name_root_of_slot(stored.header.slots, options.root_uri, opener, plan));
  COFFER_ASSIGN(plan.config_text,
                with_identity(plan.config_text, stored.header.coffer_id, plan.directory, plan.config_path));
  COFFER_ASSIGN(plan.config, parse_config(plan.config_text, plan.config_path));
  COFFER_ASSIGN(KeyringSurroundings surroundings,
                surroundings_of(disk, {plan.directory, Status::ok()}, plan.config, nullptr,
                                {opener, options.open_anchor, options.open_keyring_store}));
  surroundings.open_root = [&](const std::string& name, const std::string& uri_instead) {
    return open_configured_root(name, uri_instead, plan.config, opener);
  };
  surroundings.root_uri = options.root_uri;
  // What the keyring says is believed once the root key has opened it; else nothing is written.
  auto keyring = LiveKeyring::open(std::move(surroundings));
  if (keyring.code() == Code::kWrongKey) {
    return {Code::kWrongKey, store->name() + " is not locked by the key at " + options.root_uri +
                                 "; name the root key that locks it"};
  }
  if (!keyring.is_ok()) return keyring.status();
  COFFER_TRY(check_domains(plan.config, *(*keyring)->snapshot()));
  COFFER_TRY((*keyring)->update([](Keyring&) { return Status::ok(); }, "a new configuration is being written"));
  const Status written = write_config(disk, plan);
  return written.is_ok() ? written : undo(disk, plan, false, written);
}

Status Coffer::clone_to(const std::string& directory, ProviderOpener opener) const {
  Plan plan;
  COFFER_ASSIGN(plan.directory, home_path(disk_, absolute_path(directory)));
  plan.config_path = plan.directory + "/coffer.yaml";
  COFFER_ASSIGN(const Id coffer_id, random_id());
  COFFER_ASSIGN(const Bytes text, read_file(disk_, config_path(), kConfigSizeMax));
  COFFER_ASSIGN(plan.config_text, without_anchor(as_text(text), config_path()));
  COFFER_ASSIGN(plan.config_text, with_keyring_store(plan.config_text, std::nullopt, config_path()));
  COFFER_ASSIGN(plan.config_text, with_identity(plan.config_text, coffer_id, plan.directory, config_path()));
  COFFER_ASSIGN(plan.config, parse_config(plan.config_text, plan.config_path));
  COFFER_ASSIGN(const KeyringKey key, random_key<KeyringRole>(kKeyringKeySize));
  COFFER_ASSIGN(const std::vector<KeyringSlot> slots, live_keyring().slots_for(coffer_id, key));
  COFFER_ASSIGN(Keyring clone, keyring()->clone_for(coffer_id, now_seconds()));
  COFFER_ASSIGN(plan.first,
                seal_first_keyring(std::move(clone), slots, key, "a clone of coffer " + keyring()->coffer_id().hex()));
  return carry_out(disk_, plan, {opener, open_anchor_at_path, open_no_keyring_store});
}

}  // namespace coffer
