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

}  // namespace

Status LiveKeyring::add_group(const std::string& name, const ConfiguredRoot& root) {
  COFFER_TRY(here_.usable());
  if (root.key_group != name) {
    return {Code::kInvalidArgument, "root " + root.name + " is not configured for key group \"" + name + "\"; name " +
                                        "another root key, by its URI"};
  }
  if (!root.provider->opens_by_itself()) {
    return {Code::kInvalidArgument, "root " + root.name + " opens by hand only, and a key group needs one that opens " +
                                        "by itself; name a key file or a key service"};
  }
  COFFER_ASSIGN(const MadeGroup made, make_group(name, root));
  COFFER_TRY(update([&](Keyring& keyring) { return keyring.add_group(made.group); }));
  return groups_->learn(*snapshot()->find_group(name), made.key);
}

}  // namespace coffer
