// Keys for engines that encrypt by themselves: Coffer says which, and sees nothing of what they protect.
#include <algorithm>

#include "coffer/store/coffer.h"

namespace coffer {
namespace {

FoundKey key_of_version(const Keyring& keys, std::string_view domain_name, uint32_t version) {
  const Domain* domain = keys.find_domain(domain_name);
  if (domain == nullptr) return {};
  const auto found = std::ranges::find(domain->keys, version, &DomainKeyEntry::version);
  return {domain, found == domain->keys.end() ? nullptr : &*found};
}

}  // namespace

Result<uint32_t> Coffer::protecting_version(std::string_view domain) {
  COFFER_TRY(process_.usable());
  // Has the policy on rotation carried out. What it says of the root key is about new files, and there are none here:
  // where the root key's end is to be the end, keys are taken from the whole process.
  [[maybe_unused]] const Status about_files = policy_.on_writing();
  COFFER_ASSIGN(const Wrapping wrapping, wrapping_key(domain));
  if (const KeyGroup* group = wrapping.keys->group_of(*wrapping.domain)) {
    const auto condition = keyring_->groups().condition_of(group->id);
    if (condition.has_value()) COFFER_TRY(condition->fenced);
  }
  return wrapping.key->version;
}

Result<SecretBytes> Coffer::derive_key(const DerivedKeyRequest& request) {
  COFFER_TRY(process_.usable());
  const std::string what = "key " + std::to_string(request.version) + " of domain " + std::string(request.domain);
  std::shared_ptr<const Keyring> keys = keyring();
  FoundKey key = key_of_version(*keys, request.domain, request.version);
  if (key.entry == nullptr) {
    COFFER_TRY(keyring_->refresh_unless_just_failed().with_context(what + " is not known here yet"));
    keys = keyring();
    key = key_of_version(*keys, request.domain, request.version);
  }
  if (key.entry == nullptr) {
    return {Code::kKeyUnavailable, what + " is not in the keyring of " + directory_ +
                                       "; name the coffer that wrote the data, or restore its newer keyring"};
  }
  COFFER_TRY(check_key(*keys, key, what, IfLocked::kRefuse));
  const auto domain_key = keys->open_key(key);
  if (!domain_key.is_ok()) return domain_key.status().with_context(what);
  if (key.entry == rollouts_.present_key(*keys, *key.domain)) usage_.counter(key.entry->id)->sealed();
  return derive(domain_key->reveal(), request.label, request.context, request.size);
}

}  // namespace coffer
