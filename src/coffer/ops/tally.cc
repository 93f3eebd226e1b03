// From files to counts, and from counts to what they mean by the keyring as it is now.
#include "coffer/base/path.h"
#include "coffer/ops/had_files.h"
#include "coffer/ops/inventory.h"

namespace coffer {
namespace {

FileClass class_of_file(const InventoryFile& file) {
  if (file.empty) return {.what = FileClass::What::kEmpty};
  if (file.status.code() == Code::kPlaintext) return {.what = FileClass::What::kPlaintext};
  if (!file.status.is_ok()) return {.what = FileClass::What::kUnreadable};
  return class_of(file.scan);
}

void sum(Usage& to, const Usage& more) {
  to.files += more.files;
  to.bytes += more.bytes;
}

bool is_active(const Keyring& keyring, const Id& key) {
  const DomainKeyEntry* entry = keyring.find_key(key).entry;
  return entry != nullptr && entry->state == KeyState::kActive;
}

void sum_encrypted(Inventory& out, const Keyring& keyring, const FileClass& of, const Usage& usage) {
  sum(out.encrypted, usage);
  sum(out.by_key[of.key], usage);
  if (!of.other.is_zero()) {
    sum(out.by_key[of.other], usage);
    sum(out.by_other_copy[of.other], usage);
  }
  const FoundKey current = keyring.find_key(of.key);
  if (current.domain != nullptr) sum(out.by_domain[current.domain->name], usage);
  if (current.entry == nullptr) sum(out.unknown_key, usage);
  if (!is_active(keyring, of.key) || (!of.other.is_zero() && !is_active(keyring, of.other))) return;
  sum(out.active, usage);
  sum(out.active_by_domain[current.domain->name], usage);
}

Usage without(const Usage& all, const Usage& part) { return {all.files - part.files, all.bytes - part.bytes}; }

void sum_store(Inventory& out, const Keyring& keyring, const Id& store, const StoreCounts& counts) {
  const Usage encrypted = out.encrypted, active = out.active;
  out.links_seen += counts.links_outside;
  for (const auto& [of, usage] : counts.by_class) {
    switch (of.what) {
      case FileClass::What::kEmpty: sum(out.empty, usage); break;
      case FileClass::What::kPlaintext: sum(out.plaintext, usage); break;
      case FileClass::What::kUnreadable: sum(out.unreadable, usage); break;
      case FileClass::What::kEncrypted: sum_encrypted(out, keyring, of, usage); break;
    }
  }
  out.by_store[store] = {without(out.encrypted, encrypted), without(out.active, active)};
}

}  // namespace

FileTally::FileTally(Coffer& coffer) : coffer_(coffer) { counted_.begun = now_milliseconds(); }

StoreCounts& FileTally::store_of(const std::string& path) {
  const std::string_view directory = parent_of(path);
  if (store_ == nullptr || directory != directory_) {
    directory_ = directory;
    store_ = &counted_.stores[coffer_.file_counts().store_of(path)];
  }
  return *store_;
}

void FileTally::add(const InventoryFile& file) {
  StoreCounts& store = store_of(file.path);
  if (file.leads_outside) {
    ++store.links_outside;
    links_.push_back(file.path);
    return;
  }
  sum(store.by_class[class_of_file(file)], {1, file.size});
}

CountedFiles FileTally::result() {
  const std::shared_ptr<const Keyring> keyring = coffer_.keyring();
  for (const StoreEntry& store : coffer_.places().stores(*keyring)) {
    if (coffer_.stores().is_present(store)) counted_.stores[store.id];
  }
  counted_.ended = now_milliseconds();
  return std::move(counted_);
}

Result<Inventory> take_inventory(Coffer& coffer, const std::vector<std::string>& paths, FileCounts::Keep keep) {
  FileTally tally(coffer);
  // First: what has arrived gets its name among the stores, and never goes back.
  std::set<Id> arriving;
  if (paths.empty()) {
    COFFER_ASSIGN(arriving, keys_of_arrivals(coffer));
  }
  COFFER_TRY(visit_files(coffer, paths, [&](const InventoryFile& file) {
    tally.add(file);
    return Status::ok();
  }));
  const CountedFiles counted = tally.result();
  Inventory out;
  const std::shared_ptr<const Keyring> keyring = coffer.keyring();
  for (const auto& [store, counts] : counted.stores) sum_store(out, *keyring, store, counts);
  out.counted_at = counted.ended / 1000;
  out.links_outside = std::move(tally.links_outside());
  COFFER_ASSIGN(out.beyond_files, keys_beyond_files(coffer));
  if (!paths.empty()) return out;
  out.beyond_files.merge(arriving);
  out.missing_stores = missing_stores(coffer);
  out.kept = coffer.file_counts().keep(counted, keep);
  return out;
}

Result<std::optional<Inventory>> kept_inventory(Coffer& coffer) {
  COFFER_ASSIGN(const std::optional<CountedFiles> counted, coffer.file_counts().load());
  if (!counted || counted->files() < FileCounts::kFew) return std::optional<Inventory>();
  std::optional<Inventory> out(std::in_place);
  const std::shared_ptr<const Keyring> keyring = coffer.keyring();
  for (const StoreEntry& store : coffer.places().stores(*keyring)) {
    if (!coffer.stores().is_present(store)) continue;  // of those nothing is counted, as a full count does
    const auto counts = counted->stores.find(store.id);
    if (counts == counted->stores.end()) return std::optional<Inventory>();
    sum_store(*out, *keyring, store.id, counts->second);
  }
  out->counted_at = counted->ended / 1000;
  COFFER_ASSIGN(out->beyond_files, keys_beyond_files(coffer));
  out->missing_stores = missing_stores(coffer);
  return out;
}

Result<std::set<Id>> keys_of_arrivals(Coffer& coffer) {
  std::set<Id> out;
  for (const auto keyring = coffer.keyring(); const StoreEntry& store : coffer.places().stores(*keyring)) {
    const std::string arrival = arrival_of(coffer.places().here(store.path));
    if (!coffer.disk().info(arrival).is_ok()) continue;
    COFFER_TRY(visit_files(coffer, {arrival}, [&](const InventoryFile& file) {
      if (file.status.is_ok() && !file.empty && !file.leads_outside) out.merge(keys_needed(file.scan));
      return Status::ok();
    }));
  }
  return out;
}

Result<std::set<Id>> keys_beyond_files(const Coffer& coffer) {
  COFFER_ASSIGN(const Config config, coffer.present_config());
  std::set<Id> out;
  const auto keyring = coffer.keyring();
  for (const auto& [number, name] : config.mariadb_keys) {
    const Domain* domain = keyring->find_domain(name);
    if (domain == nullptr) continue;
    for (const DomainKeyEntry& key : domain->keys) {
      if (key.state != KeyState::kDestroyed) out.insert(key.id);
    }
  }
  return out;
}

bool is_in_use(const DomainKeyEntry& key, const Inventory& inventory) {
  return key.state < KeyState::kDeactivated || inventory.by_key.contains(key.id) ||
         inventory.beyond_files.contains(key.id);
}

}  // namespace coffer
