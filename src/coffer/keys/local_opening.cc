// LiveKeyring opened without its root key, by what this machine keeps for an outage; and what it keeps for the next.
#include "coffer/base/clock.h"
#include "coffer/base/period.h"
#include "coffer/keys/live_keyring.h"

namespace coffer {

Result<KeyringKey> LiveKeyring::open_locally(const KeyringHeader& header, const Status& why) {
  const bool is_opening = in_use_.keyring == nullptr;
  // Unreachable, and nothing else. Who says where the root key is wants to have that one asked.
  if (!is_opening || root_memory_ == nullptr || why.code() != Code::kProviderUnavailable || !root_uri_.empty()) {
    return why;
  }
  auto local = root_memory_->unlock(header);
  if (local.code() == Code::kNotFound) {
    return {why.code(), std::string(why.message()) + ", and " + std::string(local.status().message())};
  }
  if (!local.is_ok()) {
    return local.status().with_context("no local unlock, while the root key does not answer (" +
                                       std::string(why.message()) + ")");
  }
  if (!local->has_value()) return why;
  std::lock_guard lock(mutex_);
  condition_.opened_locally = true;
  condition_.root_key = why;
  condition_.root_key_since = condition_.root_key_answered = (*local)->answered;
  return std::move((*local)->key);
}

Result<KeyringStore::Snapshot> LiveKeyring::load_copy(const Status& why, bool& is_copy) {
  const bool is_opening = in_use_.keyring == nullptr;
  if (!is_opening || copy_ == nullptr || why.code() != Code::kProviderUnavailable) return why;
  auto copy = copy_->load();
  if (copy.code() == Code::kNotFound) {
    return {why.code(), std::string(copy.status().message()) + ", and " + std::string(why.message())};
  }
  is_copy = copy.is_ok();
  return copy;
}

void LiveKeyring::keep_copy() {
  if (copy_ == nullptr) return;
  const std::shared_ptr<const Keyring> in_use = snapshot();
  if (!in_use->has_keys()) return;
  const Status kept = copy_->keep(*in_use);
  std::lock_guard lock(mutex_);
  if (kept.code() == condition_.copy.code() && kept.message() == condition_.copy.message()) return;
  condition_.copy = kept;
  ++condition_.change_count;
}

Status LiveKeyring::confirm_opening() {
  const KeyringCondition now = condition();
  if (now.opened_locally) return root_memory_->confirm(*in_use_.keyring, now.root_key_answered);
  std::lock_guard lock(mutex_);
  if (!condition_.opened_by_node_slot) condition_.root_key_answered = now_seconds();
  return Status::ok();
}

Status LiveKeyring::may_change_files() const { return serves_ ? Status::ok() : check_has_root(); }

Status LiveKeyring::check_has_root() const {
  const KeyringCondition now = condition();
  if (!now.opened_locally) return Status::ok();
  return {Code::kProviderUnavailable,
          "this takes the root key, which does not answer: the coffer was opened by this machine's local unlock, which "
          "is for serving and reading; repeat it when the root key answers again"};
}

// `before`: from before the look had consequences, of which one may be that there are no keys any more.
void LiveKeyring::remember_root(const Keyring& before) {
  if (root_memory_ == nullptr || !before.has_keys()) return;
  const KeyringCondition now = condition();
  const RootSighting sighting{root_trouble(now.root_key), now.root_key_since, now.root_key_answered};
  KeyringKey key;
  KeyringHeader of_key;
  if (sighting.trouble != RootTrouble::kRevoked) {
    std::lock_guard turn(turn_);
    if (auto opened = in_use_.key.open(); opened.is_ok()) key = std::move(*opened);
    of_key = *in_use_.header;
  }
  const Status noted = root_memory_->note(sighting, before, of_key, key);
  std::lock_guard lock(mutex_);
  if (noted.code() == condition_.root_memory.code() && noted.message() == condition_.root_memory.message()) return;
  condition_.root_memory = noted;
  ++condition_.change_count;
}

}  // namespace coffer
