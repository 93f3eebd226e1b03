// LiveKeyring's changes of slots.
#include <algorithm>

#include "coffer/crypto/random.h"
#include "coffer/keys/live_keyring.h"

namespace coffer {
namespace {

auto find_slot_of(const std::vector<KeyringSlot>& slots, const std::string& root) {
  return std::ranges::find(slots, root, &KeyringSlot::root);
}

// A root key that a slot needs and that is not there is unavailable.
Status not_renewed(const KeyringSlot& slot, const Status& why) {
  const std::string message = "the slot of root " + slot.root + " cannot be renewed: " + std::string(why.message());
  return {why.code() == Code::kNotFound ? Code::kKeyUnavailable : why.code(), message};
}

}  // namespace

Result<ConfiguredRoot> LiveKeyring::root_of(const KeyringSlot& slot) const {
  return open_root_(slot.root, slot.root == unlocked_by_ ? root_uri_ : "");
}

Result<std::vector<KeyringSlot>> LiveKeyring::renewed(const KeyringHeader& current, const std::string& without,
                                                      const Id& coffer_id, const KeyringKey& key) const {
  COFFER_ASSIGN(const KeyringKey present, in_use_.key.open());
  std::vector<KeyringSlot> out;
  for (const KeyringSlot& slot : current.slots) {
    if (slot.root == without) continue;
    const auto root = root_of(slot);
    auto next = root.is_ok() ? renew_slot(*root, slot, {current.coffer_id, present}, {coffer_id, key}) : root.status();
    if (!next.is_ok()) return not_renewed(slot, next.status());
    out.push_back(std::move(*next));
  }
  return out;
}

Status LiveKeyring::rotate_root(const std::string& root_name, std::string_view note) {
  COFFER_TRY(here_.usable());
  COFFER_TRY(check_has_root());
  std::lock_guard turn(turn_);
  const auto make = [&](const KeyringHeader& current) -> Result<Successor> {
    // A fresh keyring key: whoever had the old root key and an old keyring learns nothing of this version.
    COFFER_ASSIGN(KeyringKey fresh, random_key<KeyringRole>(kKeyringKeySize));
    const std::string& first = current.slots.front().root;
    const bool goes_over = !root_name.empty() && root_name != first;
    COFFER_ASSIGN(auto slots, renewed(current, goes_over ? first : "", current.coffer_id, fresh));
    if (goes_over && find_slot_of(slots, root_name) == slots.end()) {
      COFFER_ASSIGN(const ConfiguredRoot root, open_root_(root_name, ""));
      COFFER_ASSIGN(KeyringSlot slot, make_slot(root, current.coffer_id, fresh));
      slots.insert(slots.begin(), std::move(slot));
    }
    return Successor{*in_use_.keyring, std::move(slots), std::move(fresh)};
  };
  COFFER_TRY(replace(make, note));
  // Where the operator has said that the key is, only for the one that was there.
  if (!root_name.empty()) root_uri_.clear();
  return Status::ok();
}

Status LiveKeyring::add_slot(const ConfiguredRoot& root) {
  COFFER_TRY(here_.usable());
  COFFER_TRY(check_has_root());
  std::lock_guard turn(turn_);
  return replace([&](const KeyringHeader& current) -> Result<Successor> {
    if (find_slot_of(current.slots, root.name) != current.slots.end()) {
      return {Code::kAlreadyExists, "root " + root.name + " has a slot in the keyring already"};
    }
    if (current.slots.size() >= kKeyringSlotCountMax) {
      return {Code::kLimitExceeded, "the keyring has 16 slots, which is as many as there may be; remove one"};
    }
    COFFER_ASSIGN(KeyringKey key, in_use_.key.open());
    COFFER_ASSIGN(KeyringSlot slot, make_slot(root, current.coffer_id, key));
    std::vector<KeyringSlot> slots = current.slots;
    // Those of recipients stand last: the first slot is what a program that serves lives by.
    const auto behind = slot.wrapped.algorithm == kWrapAlgorithmRecipient
                            ? slots.end()
                            : std::ranges::find_if(slots, [](const KeyringSlot& other) {
                                return other.wrapped.algorithm == kWrapAlgorithmRecipient;
                              });
    slots.insert(behind, std::move(slot));
    return Successor{*in_use_.keyring, std::move(slots), std::move(key)};
  });
}

Status LiveKeyring::remove_slot(const std::string& root_name, bool may_leave_by_hand) {
  COFFER_TRY(here_.usable());
  COFFER_TRY(check_has_root());
  std::lock_guard turn(turn_);
  return replace([&](const KeyringHeader& current) -> Result<Successor> {
    if (find_slot_of(current.slots, root_name) == current.slots.end()) {
      return {Code::kNotFound, "no slot of the keyring is of root " + root_name};
    }
    if (current.slots.size() == 1) {
      return {Code::kBusy, "the slot of root " + root_name + " is the only one; add another one first"};
    }
    bool opens_by_itself = false;
    for (const KeyringSlot& slot : current.slots) {
      if (slot.root == root_name) continue;
      COFFER_ASSIGN(const ConfiguredRoot root, root_of(slot));
      opens_by_itself = opens_by_itself || root.provider->opens_by_itself();
    }
    if (!opens_by_itself && !may_leave_by_hand) {
      return {Code::kBusy, "without the slot of root " + root_name +
                               " nothing would open the keyring by itself, only by hand; add another root first"};
    }
    COFFER_ASSIGN(KeyringKey fresh, random_key<KeyringRole>(kKeyringKeySize));
    COFFER_ASSIGN(auto slots, renewed(current, root_name, current.coffer_id, fresh));
    return Successor{*in_use_.keyring, std::move(slots), std::move(fresh)};
  });
}

Result<std::vector<KeyringSlot>> LiveKeyring::slots_for(const Id& coffer_id, const KeyringKey& key) const {
  COFFER_TRY(here_.usable());
  COFFER_TRY(check_has_root());
  std::lock_guard turn(turn_);
  COFFER_TRY(check_fence());
  return renewed(*in_use_.header, "", coffer_id, key);
}

Result<KeyringSlot> LiveKeyring::slot_for(const std::string& root_name, const Id& coffer_id,
                                          const KeyringKey& key) const {
  COFFER_TRY(here_.usable());
  COFFER_TRY(check_has_root());
  std::lock_guard turn(turn_);
  COFFER_TRY(check_fence());
  const auto found = find_slot_of(in_use_.header->slots, root_name);
  if (found == in_use_.header->slots.end()) {
    return {Code::kNotFound, "no slot of the keyring is of root " + root_name};
  }
  COFFER_ASSIGN(const KeyringKey present, in_use_.key.open());
  COFFER_ASSIGN(const ConfiguredRoot root, root_of(*found));
  return renew_slot(root, *found, {in_use_.header->coffer_id, present}, {coffer_id, key});
}

}  // namespace coffer
