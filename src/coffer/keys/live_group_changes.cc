// LiveKeyring's changes of key groups.
#include "coffer/base/clock.h"
#include "coffer/crypto/random.h"
#include "coffer/keys/live_keyring.h"

namespace coffer {
namespace {

struct MadeGroup {
  KeyGroup group;
  GroupKey key;
};

Result<MadeGroup> make_group(const std::string& name, const ConfiguredRoot& root) {
  MadeGroup out;
  COFFER_ASSIGN(out.group.id, random_id());
  out.group.name = name;
  out.group.created = now_seconds();
  COFFER_ASSIGN(out.key, random_key<GroupRole>(kGroupKeySize));
  COFFER_ASSIGN(out.group.key_id, group_key_id(out.group.id, out.key));
  COFFER_ASSIGN(const Id context, group_slot_context(out.group.id));
  COFFER_ASSIGN(KeyringSlot slot, make_slot(root, context, as_wrapped(out.key)));
  out.group.slots.push_back(std::move(slot));
  return out;
}

Status check_group_root(const std::string& name, const ConfiguredRoot& root) {
  if (root.key_group != name) {
    return {Code::kInvalidArgument, "root " + root.name + " is not configured for key group \"" + name + "\"; name " +
                                        "another root key, by its URI"};
  }
  if (root.provider->opens_by_itself()) return Status::ok();
  return {Code::kInvalidArgument, "root " + root.name + " opens by hand only, and a key group needs one that opens " +
                                      "by itself; name a key file or a key service"};
}

// The group with a fresh key. `root`: null for the roots that it has.
Result<MadeGroup> renewed_group(const KeyGroup& group, const ConfiguredRoot* root, const RootOpener& open_root) {
  MadeGroup out{group, {}};
  COFFER_ASSIGN(out.key, random_key<GroupRole>(kGroupKeySize));
  COFFER_ASSIGN(out.group.key_id, group_key_id(group.id, out.key));
  COFFER_ASSIGN(const Id context, group_slot_context(group.id));
  out.group.slots.clear();
  if (root != nullptr) {
    COFFER_ASSIGN(KeyringSlot slot, make_slot(*root, context, as_wrapped(out.key)));
    out.group.slots.push_back(std::move(slot));
    return out;
  }
  for (const KeyringSlot& slot : group.slots) {
    COFFER_ASSIGN(const ConfiguredRoot present, open_root(slot.root, ""));
    COFFER_ASSIGN(KeyringSlot renewed, make_slot(present, context, as_wrapped(out.key)));
    out.group.slots.push_back(std::move(renewed));
  }
  return out;
}

}  // namespace

Status LiveKeyring::add_group(const std::string& name, const ConfiguredRoot& root) {
  COFFER_TRY(here_.usable());
  COFFER_TRY(check_group_root(name, root));
  COFFER_ASSIGN(const MadeGroup made, make_group(name, root));
  COFFER_TRY(update([&](Keyring& keyring) { return keyring.add_group(made.group); }));
  return groups_->learn(*snapshot()->find_group(name), made.key);
}

Status LiveKeyring::rotate_group(const std::string& name, const ConfiguredRoot* root) {
  COFFER_TRY(here_.usable());
  if (root != nullptr) COFFER_TRY(check_group_root(name, *root));
  MadeGroup made;
  COFFER_TRY(update([&](Keyring& keyring) -> Status {
    const KeyGroup* group = keyring.find_group(name);
    if (group == nullptr) return {Code::kNotFound, "no key group \"" + name + "\" in the keyring"};
    COFFER_ASSIGN(const GroupKey present, groups_->key_of(*group));
    auto renewed = renewed_group(*group, root, groups_->opener_for(*group));
    if (!renewed.is_ok()) return renewed.status().with_context("key group \"" + name + "\" cannot be renewed");
    made = std::move(*renewed);
    return keyring.renew_group(made.group, present, made.key);
  }));
  return groups_->learn(made.group, made.key);
}

}  // namespace coffer
