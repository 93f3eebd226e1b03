#include "coffer/store/store_register.h"

#include <algorithm>
#include <set>

#include "coffer/base/clock.h"
#include "coffer/base/path.h"

namespace coffer {
namespace {

bool is_its_own(const Place& place, bool joins_database) {
  return place.store != nullptr && (place.exact || (joins_database && place.store->confirmed));
}

// Says whether that was new.
bool add_lineage(StoreEntry& store, const Id& from, LineageHow how) {
  if (store.id == from || store.descends_from(from)) return false;
  store.lineage.push_back({from, now_seconds(), how});
  return true;
}

bool add_domain(StoreEntry& store, std::string_view domain) {
  return domain != kSystemDomain && store.add_domain(domain);
}

}  // namespace

bool StoreRegister::exists(const std::string& known) const {
  return disk_.info(places_.here(known)).code() != Code::kNotFound;
}

bool StoreRegister::is_empty(const std::string& known) const {
  auto entries = disk_.list(places_.here(known));
  return entries.is_ok() ? entries->empty() : entries.code() == Code::kNotFound;
}

bool StoreRegister::is_present(const StoreEntry& store) const {
  return exists(store.path) || (!store.also_at.empty() && exists(store.also_at));
}

std::vector<StoreEntry> StoreRegister::stores_of(const Keyring& keyring) const {
  const StoreRefs stores = places_.stores(keyring);
  return {stores.begin(), stores.end()};
}

Status StoreRegister::change(const std::function<Status(Keyring&)>& change) {
  return keyring_.update([&](Keyring& next) -> Status {
    tidy(next);
    return change(next);
  });
}

std::optional<StoreEntry> StoreRegister::settled(const StoreEntry& store) const {
  if (store.also_at.empty()) return std::nullopt;
  const bool here = !is_empty(store.path), there = !is_empty(store.also_at);
  if (here == there) return std::nullopt;
  StoreEntry out = store;
  if (there) out.path = out.also_at;
  out.also_at.clear();
  return out;
}

void StoreRegister::tidy(Keyring& keyring) const {
  std::vector<Id> gone;
  for (const StoreEntry& store : stores_of(keyring)) {
    if (const std::optional<StoreEntry> entry = settled(store)) {
      // A path that another store has meanwhile cannot be: both of its paths are this store's.
      if (!keyring.replace_store(*entry).is_ok()) continue;
    } else if (!store.confirmed && !is_present(store)) {
      gone.push_back(store.id);
    }
  }
  const size_t kept = kGoneStoresMax / std::max<size_t>(keyring.nodes().size(), 1);
  for (size_t i = 0; i + kept < gone.size(); ++i) {
    if (!keyring.remove_store(gone[i]).is_ok()) continue;
  }
}

Result<StoreEntry> StoreRegister::entry_for(Keyring& keyring, const std::string& directory, bool joins_database) const {
  const Place place = places_.of_directory(keyring, directory);
  if (is_its_own(place, joins_database)) return *place.store;
  // Files that are there already belong to the database around it.
  const bool holds_files = place.store != nullptr && place.store->confirmed && !is_empty(place.path);
  const Id around = holds_files ? place.store->id : Id{};
  COFFER_ASSIGN(const std::string node, places_.node_of_new(keyring, place.path));
  COFFER_ASSIGN(const Id id, keyring.add_store(place.path, now_seconds(), node));
  StoreEntry entry = *keyring.find_store(id);
  if (holds_files) add_lineage(entry, around, LineageHow::kLinked);
  return entry;
}

Result<Id> StoreRegister::store_for(const NewPlace& place) {
  // Where the path says the domain whichever way it is looked at, nothing has to be kept.
  const bool has_domain = place.domain != kSystemDomain && places_.domain_of(place.path) != place.domain;
  const std::shared_ptr<const Keyring> keys = keyring_.snapshot();
  const Place known = places_.of_directory(*keys, place.directory);
  if (is_its_own(known, place.joins_database) && !settled(*known.store) &&
      (!place.confirms || known.store->confirmed) && (!has_domain || known.store->holds_domain(place.domain))) {
    return known.store->id;
  }
  Id id;
  COFFER_TRY(change([&](Keyring& next) -> Status {
    COFFER_ASSIGN(StoreEntry entry, entry_for(next, place.directory, place.joins_database));
    if (place.confirms) entry.confirmed = true;
    if (has_domain) add_domain(entry, place.domain);
    id = entry.id;
    return next.replace_store(std::move(entry));
  }));
  return id;
}

Status StoreRegister::confirm(const std::string& directory) {
  return store_for({.directory = directory, .confirms = true}).status();
}

Status StoreRegister::encrypt_names(const std::string& directory) {
  return change([&](Keyring& next) -> Status {
    COFFER_ASSIGN(StoreEntry entry, entry_for(next, directory, false));
    entry.confirmed = entry.names_encrypted = true;
    return next.replace_store(std::move(entry));
  });
}

Status StoreRegister::allow(const std::string& directory, const Id& store, std::string_view domain, LineageHow how) {
  const auto enough = [&](const StoreEntry& entry) {
    return (entry.id == store || entry.descends_from(store)) && (domain == kSystemDomain || entry.holds_domain(domain));
  };
  const std::shared_ptr<const Keyring> keys = keyring_.snapshot();
  const Place known = places_.of_directory(*keys, directory);
  if (is_its_own(known, true) && enough(*known.store)) return Status::ok();
  return change([&](Keyring& next) -> Status {
    COFFER_ASSIGN(StoreEntry entry, entry_for(next, directory, true));
    if (!add_lineage(entry, store, how) && !add_domain(entry, domain)) return Status::ok();
    add_domain(entry, domain);
    return next.replace_store(std::move(entry));
  });
}

Result<std::vector<MovingStore>> StoreRegister::begin_move(const std::string& from, const std::string& to) {
  const std::shared_ptr<const Keyring> keys = keyring_.snapshot();
  const std::string source = places_.of_directory(*keys, from).path;
  const std::string target = places_.of_directory(*keys, to).path;
  const Place around = places_.of_directory(*keys, from);
  const StoreRefs stores = places_.stores(*keys);
  const bool has_stores = std::any_of(stores.begin(), stores.end(),
                                      [&](const StoreEntry& store) { return is_within(store.path, source); });
  const bool stays = around.store == nullptr || around.store == places_.of_directory(*keys, to).store;
  // What is at the target already makes the rename fail, and is to stay as it is.
  if ((!has_stores && stays) || source == target || !is_empty(target)) return std::vector<MovingStore>();
  std::vector<MovingStore> moving;
  const Status changed = change([&](Keyring& next) -> Status {
    moving.clear();
    for (const StoreEntry& store : stores_of(next)) {
      // Nothing is there: not the store that was once.
      if (is_within(store.path, target) && store.also_at.empty()) COFFER_TRY(next.remove_store(store.id));
    }
    for (StoreEntry store : stores_of(next)) {
      if (!is_within(store.path, source)) continue;
      store.also_at = target + store.path.substr(source.size());
      moving.push_back({store.id, store.also_at});
      COFFER_TRY(next.replace_store(std::move(store)));
    }
    // What is no store's own is the one's around it, and goes to another.
    const Place out = places_.of_directory(next, from);
    const Place in = places_.of_directory(next, to);
    if (out.exact || out.store == nullptr || out.store == in.store) return Status::ok();
    const StoreEntry leaving = *out.store;
    COFFER_ASSIGN(StoreEntry entry, entry_for(next, to, true));
    add_lineage(entry, leaving.id, LineageHow::kLinked);
    for (const Lineage& each : leaving.lineage) add_lineage(entry, each.store, LineageHow::kLinked);
    for (const std::string& domain : leaving.domains) add_domain(entry, domain);
    return next.replace_store(std::move(entry));
  });
  COFFER_TRY(changed);
  return moving;
}

Status StoreRegister::sync_names(const std::vector<MovingStore>& stores) const {
  const std::shared_ptr<const Keyring> keys = keyring_.snapshot();
  std::set<std::string> directories;
  for (const MovingStore& moving : stores) {
    directories.insert(std::string(parent_of(places_.here(moving.to))));
    const StoreEntry* store = keys->find_store(moving.id);
    if (store != nullptr) directories.insert(std::string(parent_of(places_.here(store->path))));
  }
  for (const std::string& directory : directories) {
    const Status synced = disk_.sync_directory(directory);
    // Within a directory that was moved, or in no file system of this machine.
    if (!synced.is_ok() && synced.code() != Code::kNotFound) return synced;
  }
  return Status::ok();
}

Status StoreRegister::end_move(const std::vector<MovingStore>& stores, bool moved) {
  if (stores.empty()) return Status::ok();
  // A crash must not undo a rename that the keyring takes for done.
  if (moved) COFFER_TRY(sync_names(stores));
  return keyring_.update([&](Keyring& next) -> Status {
    for (const MovingStore& moving : stores) {
      const StoreEntry* found = next.find_store(moving.id);
      if (found == nullptr) continue;
      StoreEntry entry = *found;
      // Somebody else's change may have come between, and have settled that it stays.
      if (moved) entry.path = moving.to;
      entry.also_at.clear();
      COFFER_TRY(next.replace_store(std::move(entry)));
    }
    return Status::ok();
  });
}

Status StoreRegister::drop(const std::string& directory) {
  const std::shared_ptr<const Keyring> keys = keyring_.snapshot();
  const Place known = places_.of_directory(*keys, directory);
  if (known.store == nullptr || !known.exact) return Status::ok();
  const Id id = known.store->id;
  return change([&](Keyring& next) -> Status {
    const StoreEntry* store = next.find_store(id);
    return store == nullptr || is_present(*store) ? Status::ok() : next.remove_store(id);
  });
}

}  // namespace coffer
