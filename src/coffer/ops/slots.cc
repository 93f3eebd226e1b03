#include "coffer/ops/slots.h"

#include <algorithm>

#include "coffer/config/config_edit.h"
#include "coffer/crypto/random.h"
#include "coffer/keys/keyring_body.h"
#include "coffer/store/new_root.h"

namespace coffer {
namespace {

bool has_slot(const Coffer& coffer, const std::string& root) {
  const auto header = coffer.live_keyring().header();
  return std::ranges::find(header->slots, root, &KeyringSlot::root) != header->slots.end();
}

bool looks_like_uri(const std::string& text) { return text.find_first_of(":/") != std::string::npos; }

// A root that is to be locked with.
struct Taken {
  ConfiguredRoot opened;
  RootSetting setting;
  bool is_new = true;  // not in the configuration yet
};

Status check_name(const std::string& name) {
  if (name.empty() || valid_root_name(name)) return Status::ok();
  return {Code::kInvalidArgument,
          "root \"" + name + "\": a name has 1 to 64 letters, digits, dots, underscores or dashes"};
}

Result<Taken> take_configured(const ProviderConfig& config, const std::string& name, const std::string& key_group,
                              ProviderOpener opener) {
  const auto found = config.roots.find(name);
  if (found == config.roots.end()) {
    return {Code::kInvalidArgument, "no root \"" + name + "\" is configured in " + config.name +
                                        "; give the root key's URI (a file's path: ./" + name + ")"};
  }
  const std::string& of = found->second.key_group;
  if (of != key_group) {
    return {Code::kInvalidArgument,
            "root " + name +
                (of.empty() ? " is one that may lock the keyring" : " is that of key group \"" + of + "\"") + ", by " +
                config.name + "; name another root key"};
  }
  Taken out{{name, nullptr, found->second.fingerprint, of}, found->second, false};
  COFFER_ASSIGN(out.opened.provider, opener(found->second.uri, config));
  return out;
}

// The slot that this root has already, put there with another node's configuration.
const KeyringSlot* slot_of(const ConfiguredRoot& root, const KeyringHeader& header) {
  const auto found = std::ranges::find_if(
      header.slots, [&](const KeyringSlot& slot) { return root.provider->check(slot.handle).is_ok(); });
  return found == header.slots.end() ? nullptr : &*found;
}

Result<Taken> take_uri(const Coffer& coffer, const ProviderConfig& config, const SlotToAdd& slot,
                       ProviderOpener opener) {
  COFFER_ASSIGN(NewRoot root, new_root(slot.root, config, opener));
  root.setting.key_group = root.opened.key_group = slot.key_group;
  for (const auto& [known, setting] : config.roots) {
    if (setting == root.setting && (slot.name.empty() || slot.name == known)) {
      return take_configured(config, known, slot.key_group, opener);
    }
  }
  const auto header = coffer.live_keyring().header();
  const KeyringSlot* present = slot.configure_only ? slot_of(root.opened, *header) : nullptr;
  if (!slot.name.empty()) {
    root.opened.name = slot.name;
  } else if (present != nullptr) {
    root.opened.name = present->root;
  }
  if (present == nullptr) {
    // That it wraps shows before anything relies on it.
    COFFER_ASSIGN(const KeyringKey sample, random_key<KeyringRole>(kKeyringKeySize));
    COFFER_TRY(make_slot(root.opened, header->coffer_id, sample).status());
  }
  return Taken{std::move(root.opened), std::move(root.setting)};
}

Result<Taken> take(const Coffer& coffer, const SlotToAdd& slot, ProviderOpener opener) {
  COFFER_TRY(check_name(slot.name));
  COFFER_ASSIGN(const ProviderConfig config, coffer.provider_config());
  if (!config.roots.contains(slot.root) && looks_like_uri(slot.root)) return take_uri(coffer, config, slot, opener);
  if (slot.name.empty() || slot.name == slot.root) return take_configured(config, slot.root, slot.key_group, opener);
  return {Code::kInvalidArgument, "root " + slot.root + " has its name already; give a URI to have another one"};
}

Status configure(Coffer& coffer, const Taken& root) {
  return coffer.edit_config(
      [&](std::string_view yaml) { return with_root(yaml, root.opened.name, root.setting, coffer.config_path()); });
}

Status unconfigure(Coffer& coffer, const std::string& name) {
  return coffer.edit_config([&](std::string_view yaml) -> Result<std::string> {
    // Now: a rotation to it keeps the configuration from being edited.
    COFFER_TRY(coffer.live_keyring().refresh());
    if (has_slot(coffer, name)) {
      return {Code::kBusy, "root " + name + " locks the keyring of " + coffer.directory() +
                               "; go over to another one first: coffer rotate root --to NAME"};
    }
    if (roots_in_use(coffer.live_keyring()).contains(name)) {
      return {Code::kBusy, "root " + name + " is that of a key group of " + coffer.directory() +
                               "; coffer group list says of which"};
    }
    return without_root(yaml, name, coffer.config_path());
  });
}

// A new root in the configuration, and what relies on it; without that, not in the configuration either.
Status with_configured(Coffer& coffer, const Taken& root, const std::function<Status()>& what) {
  if (root.is_new) COFFER_TRY(configure(coffer, root));
  const Status done = coffer.with_config_unedited(what);
  if (!root.is_new || done.is_ok()) return done;
  const Status undone = unconfigure(coffer, root.opened.name);
  return undone.is_ok() ? done : done.with_context("root " + root.opened.name + " is left in the configuration");
}

}  // namespace

std::set<std::string> roots_in_use(const LiveKeyring& keyring) {
  std::set<std::string> out;
  for (const auto header = keyring.header(); const KeyringSlot& slot : header->slots) out.insert(slot.root);
  for (const auto keys = keyring.snapshot(); const KeyGroup& group : keys->groups()) {
    for (const KeyringSlot& slot : group.slots) out.insert(slot.root);
  }
  return out;
}

Result<std::string> add_group(Coffer& coffer, const std::string& name, const std::string& root, ProviderOpener opener) {
  COFFER_TRY(coffer.at_home());
  // Before the configuration is edited for it.
  COFFER_TRY(coffer.live_keyring().refresh());
  COFFER_TRY(coffer.keyring()->check_new_group(name));
  COFFER_ASSIGN(const Taken taken, take(coffer, {root, "", false, name}, opener));
  COFFER_TRY(with_configured(coffer, taken, [&] { return coffer.live_keyring().add_group(name, taken.opened); }));
  return taken.opened.name;
}

Result<RootRotation> rotate_group(Coffer& coffer, const std::string& name, const std::string& to,
                                  ProviderOpener opener) {
  COFFER_TRY(coffer.at_home());
  COFFER_TRY(coffer.live_keyring().refresh());
  const auto keyring = coffer.keyring();
  const KeyGroup* group = keyring->find_group(name);
  if (group == nullptr) {
    return {Code::kNotFound, "no key group \"" + name + "\" in the keyring; coffer group list shows them"};
  }
  const std::string before = group->slots.front().root;
  if (to.empty()) {
    COFFER_TRY(coffer.with_config_unedited([&] { return coffer.live_keyring().rotate_group(name); }));
    return RootRotation{before, {}};
  }
  COFFER_ASSIGN(const Taken root, take(coffer, {to, "", false, name}, opener));
  RootRotation out{root.opened.name, {}};
  COFFER_TRY(with_configured(coffer, root, [&] { return coffer.live_keyring().rotate_group(name, &root.opened); }));
  if (!root.is_new || before == out.root) return out;
  COFFER_TRY(unconfigure(coffer, before).with_context("key group \"" + name + "\" has gone over to root " + out.root));
  out.removed.push_back(before);
  return out;
}

Result<std::vector<std::string>> remove_group(Coffer& coffer, const std::string& name) {
  COFFER_TRY(coffer.at_home());
  COFFER_TRY(coffer.live_keyring().refresh());
  COFFER_ASSIGN(const ProviderConfig config, coffer.provider_config());
  std::vector<std::string> roots;
  for (const auto& [root, setting] : config.roots) {
    if (setting.key_group == name) roots.push_back(root);
  }
  // Only its roots are left where a removal was interrupted.
  if (roots.empty() || coffer.keyring()->find_group(name) != nullptr) {
    COFFER_TRY(coffer.live_keyring().update([&](Keyring& keyring) { return keyring.remove_group(name); }));
  }
  for (const std::string& root : roots) {
    const Status removed = unconfigure(coffer, root);
    if (removed.code() == Code::kNotFound) continue;  // somebody was faster
    COFFER_TRY(removed.with_context("key group \"" + name + "\" is out of the keyring"));
  }
  return roots;
}

Result<std::string> add_slot(Coffer& coffer, const SlotToAdd& slot, ProviderOpener opener) {
  COFFER_TRY(coffer.at_home());
  COFFER_ASSIGN(const Taken root, take(coffer, slot, opener));
  COFFER_TRY(with_configured(
      coffer, root, [&] { return slot.configure_only ? Status::ok() : coffer.live_keyring().add_slot(root.opened); }));
  return root.opened.name;
}

Status remove_slot(Coffer& coffer, const std::string& name, bool may_leave_by_hand) {
  COFFER_TRY(coffer.at_home());
  COFFER_TRY(coffer.live_keyring().refresh());
  const bool had_slot = has_slot(coffer, name);
  if (had_slot) {
    COFFER_TRY(coffer.with_config_unedited([&] { return coffer.live_keyring().remove_slot(name, may_leave_by_hand); }));
  }
  const Status removed = unconfigure(coffer, name);
  // A slot whose root this node does not have, or somebody was faster.
  return had_slot && removed.code() == Code::kNotFound ? Status::ok() : removed;
}

Result<RootRotation> rotate_root(Coffer& coffer, const std::string& to, ProviderOpener opener) {
  COFFER_TRY(coffer.at_home());
  const std::string before = coffer.live_keyring().header()->slots.front().root;
  if (to.empty()) {
    COFFER_TRY(coffer.with_config_unedited([&] { return coffer.live_keyring().rotate_root(""); }));
    return RootRotation{before, {}};
  }
  COFFER_ASSIGN(const Taken root, take(coffer, {to, "", false}, opener));
  RootRotation out{root.opened.name, {}};
  COFFER_TRY(with_configured(coffer, root, [&] { return coffer.live_keyring().rotate_root(out.root); }));
  if (!root.is_new || before == out.root) return out;
  const Status removed = unconfigure(coffer, before);
  // Somebody was faster.
  if (removed.code() == Code::kNotFound) return out;
  COFFER_TRY(removed.with_context("the keyring has gone over to root " + out.root));
  out.removed.push_back(before);
  return out;
}

}  // namespace coffer
