#include "coffer/ops/given_up.h"

#include <algorithm>

#include "coffer/base/clock.h"
#include "coffer/base/path.h"
#include "coffer/files/freshness_check.h"
#include "coffer/ops/stores.h"

namespace coffer {

void GivenUp::take(const EnvelopeScan& scan) {
  for (const Id& key : keys_needed(scan)) keys_.insert(key);
  stores_.insert(scan.fields.store_id);
}

// The marks of a store that was put back must not vanish unseen. Then its keys, before anything stands there in clear.
Status GivenUp::expose(std::vector<std::string>& exposed) {
  for (const std::string& path : paths_) COFFER_TRY(ensure_fresh(coffer_, path));
  COFFER_TRY(expose_keys(exposed));
  if (coffer_.freshness() == nullptr) return Status::ok();
  for (const Id& store : stores_) COFFER_TRY(coffer_.freshness()->reset(store));
  return Status::ok();
}

Status GivenUp::expose_keys(std::vector<std::string>& exposed) {
  const auto expose = [&](Keyring& keyring) -> Status {
    exposed.clear();
    for (const Id& id : keys_) {
      const FoundKey found = keyring.find_key(id);
      if (found.entry == nullptr || found.entry->state >= KeyState::kCompromised) continue;
      exposed.push_back(found.domain->name + ":" + std::to_string(found.entry->version));
      COFFER_TRY(keyring.change_key(id, KeyState::kCompromised, now_seconds()));
    }
    return Status::ok();
  };
  const std::shared_ptr<const Keyring> keys = coffer_.keyring();
  const bool all_were = std::ranges::all_of(keys_, [&](const Id& id) {
    const DomainKeyEntry* entry = keys->find_key(id).entry;
    return entry == nullptr || entry->state >= KeyState::kCompromised;
  });
  if (all_were) return Status::ok();  // by a run that was interrupted
  return coffer_.live_keyring().update(
      expose, "coffer decrypt: files under these keys are written in clear: " + paths_.front());
}

Status GivenUp::let_stores_go() {
  const std::shared_ptr<const Keyring> keys = coffer_.keyring();
  for (const StoreEntry& store : coffer_.places().stores(*keys)) {
    const std::string here = coffer_.places().here(store.path);
    const bool is_here = std::ranges::any_of(paths_, [&](const std::string& path) {
      const Place place = coffer_.places().of_directory(*keys, absolute_path(path));
      return (place.store == &store && place.exact) || is_within(here, absolute_path(path));
    });
    if (!is_here) continue;
    const Status forgotten = forget_store(coffer_, store.id);
    // Some of its files may be elsewhere: linked, or in directories that were not named.
    if (forgotten.code() != Code::kInvalidArgument) COFFER_TRY(forgotten);
  }
  return Status::ok();
}

}  // namespace coffer
