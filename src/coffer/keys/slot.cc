#include "coffer/keys/slot.h"

#include "coffer/base/clock.h"
#include "coffer/crypto/random.h"

namespace coffer {
namespace {

Status check_pinned(const ConfiguredRoot& root, const RootKeyHandle& handle, const std::string& advice) {
  if (root.fingerprint.empty() || root.provider->fingerprint(handle) == root.fingerprint) return Status::ok();
  return {Code::kWrongKey, "root " + root.name + " is pinned to the key with fingerprint " + root.fingerprint +
                               ", and " + root.provider->describe(handle) + " is another one; " + advice};
}

// Of slots that were not asked.
struct LeftOut {
  std::string by_hand;  // the first root that would have opened by hand
};

// Nothing for a slot that is left out.
Result<std::optional<KeyringKey>> unlock_slot(const KeyringSlot& slot, const Id& coffer_id, const RootOpener& open_root,
                                              const std::string& uri_instead, LeftOut& left_out) {
  COFFER_ASSIGN(const ConfiguredRoot root, open_root(slot.root, uri_instead));
  if (root.provider == nullptr) return std::optional<KeyringKey>();
  if (uri_instead.empty() && !root.provider->opens_by_itself()) {
    if (left_out.by_hand.empty()) left_out.by_hand = root.name;
    return std::optional<KeyringKey>();
  }
  COFFER_TRY(check_pinned(root, slot.handle, "the keyring was locked by somebody who has another root key"));
  auto key = root.provider->unwrap(slot.handle, WrapContext{coffer_id, slot.id}, slot.wrapped);
  if (!key.is_ok()) return key.status().with_context("root " + root.name);
  return std::optional(std::move(*key));
}

// The key and what the slot is to say of the root, but for the wrapping.
Result<KeyringSlot> begin_slot(const ConfiguredRoot& root) {
  KeyringSlot slot;
  COFFER_ASSIGN(slot.id, random_id());
  COFFER_ASSIGN(slot.handle, root.provider->current());
  COFFER_TRY(check_pinned(root, slot.handle, "to go over to that one, name its URI: coffer rotate root --to URI"));
  slot.created = now_seconds();
  slot.root = root.name;
  return slot;
}

Status nothing_opens(const LeftOut& left_out, const Status& first_failure) {
  const std::string by_hand =
      left_out.by_hand.empty() ? "" : "root " + left_out.by_hand + " opens it by hand: --root " + left_out.by_hand;
  if (first_failure.is_ok()) {
    return {Code::kKeyUnavailable, by_hand.empty() ? "no slot of the keyring is of the root that was named"
                                                   : "no root of the keyring opens it by itself; " + by_hand};
  }
  if (by_hand.empty()) return first_failure;
  const std::string message(first_failure.message());
  return {first_failure.code(), message + (message.find("; ") == std::string::npos ? "; " : ", or ") + by_hand};
}

}  // namespace

RootOpener only_of_group(RootOpener open_root, const std::string& key_group) {
  return [open_root = std::move(open_root), key_group](const std::string& name,
                                                       const std::string& uri_instead) -> Result<ConfiguredRoot> {
    COFFER_ASSIGN(ConfiguredRoot root, open_root(name, uri_instead));
    if (root.key_group == key_group) return root;
    if (key_group.empty()) {
      return {Code::kKeyUnavailable, "root " + name + " is configured for key group \"" + root.key_group +
                                         "\" and may not lock the keyring; restore the keyring"};
    }
    return {Code::kKeyUnavailable, "root " + name + " is not configured for key group \"" + key_group +
                                       "\"; if it is its root key, write key_group: " + key_group +
                                       " under it in coffer.yaml, else restore the keyring"};
  };
}

Result<KeyringSlot> make_slot(const ConfiguredRoot& root, const Id& coffer_id, const KeyringKey& key) {
  COFFER_ASSIGN(KeyringSlot slot, begin_slot(root));
  COFFER_ASSIGN(slot.wrapped, root.provider->wrap(slot.handle, WrapContext{coffer_id, slot.id}, key));
  return slot;
}

Result<KeyringSlot> renew_slot(const ConfiguredRoot& root, const KeyringSlot& slot, const WrappedInSlot& was,
                               const WrappedInSlot& now) {
  COFFER_ASSIGN(KeyringSlot out, begin_slot(root));
  const WrapContext before{was.coffer_id, slot.id};
  COFFER_ASSIGN(out.wrapped, root.provider->renew(out.handle, WrapContext{now.coffer_id, out.id}, now.key,
                                                  {before, slot.wrapped, was.key}));
  return out;
}

Result<UnlockedSlot> unlock_slots(const KeyringHeader& header, const RootOpener& open_root,
                                  const std::string& uri_instead) {
  Status first_failure;
  LeftOut left_out;
  for (const KeyringSlot& slot : header.slots) {
    auto key = unlock_slot(slot, header.coffer_id, open_root, uri_instead, left_out);
    if (key.is_ok() && key->has_value()) return UnlockedSlot{std::move(**key), slot.root};
    if (!key.is_ok() && first_failure.is_ok()) first_failure = key.status();
  }
  return nothing_opens(left_out, first_failure);
}

}  // namespace coffer
