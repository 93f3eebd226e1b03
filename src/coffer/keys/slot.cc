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

Result<KeyringKey> unlock_slot(const KeyringSlot& slot, const Id& coffer_id, const RootOpener& open_root,
                               const std::string& uri_instead) {
  COFFER_ASSIGN(const ConfiguredRoot root, open_root(slot.root, uri_instead));
  COFFER_TRY(check_pinned(root, slot.handle, "the keyring was locked by somebody who has another root key"));
  auto key = root.provider->unwrap(slot.handle, WrapContext{coffer_id, slot.id}, slot.wrapped);
  return key.is_ok() ? std::move(key) : key.status().with_context("root " + root.name);
}

}  // namespace

Result<KeyringSlot> make_slot(const ConfiguredRoot& root, const Id& coffer_id, const KeyringKey& key) {
  KeyringSlot slot;
  COFFER_ASSIGN(slot.id, random_id());
  COFFER_ASSIGN(slot.handle, root.provider->current());
  COFFER_TRY(check_pinned(root, slot.handle, "to go over to that one, name its URI: coffer rotate root --to URI"));
  COFFER_ASSIGN(slot.wrapped, root.provider->wrap(slot.handle, WrapContext{coffer_id, slot.id}, key));
  slot.created = now_seconds();
  slot.root = root.name;
  return slot;
}

Result<KeyringKey> unlock_slots(const KeyringHeader& header, const RootOpener& open_root,
                                const std::string& uri_instead) {
  Status first_failure;
  for (const KeyringSlot& slot : header.slots) {
    auto key = unlock_slot(slot, header.coffer_id, open_root, uri_instead);
    if (key.is_ok()) return key;
    if (first_failure.is_ok()) first_failure = key.status();
  }
  return first_failure;
}

}  // namespace coffer
