#include "coffer/ops/stores.h"

#include <set>

#include "coffer/base/clock.h"
#include "coffer/base/path.h"

namespace coffer {
namespace {

bool path_exists(const Coffer& coffer, const std::string& path) {
  return coffer.disk().info(path).code() != Code::kNotFound;
}

// As the mount point of a volume that is mounted elsewhere by now.
bool is_empty_directory(const Coffer& coffer, const std::string& path) {
  const auto entries = coffer.disk().list(path);
  return entries.is_ok() && entries->empty();
}

using Unlocked = std::function<void(const EnvelopeFields& fields, const std::string& path)>;

// Every genuine file below `path`, wherever it belongs. What cannot be opened is for verify to tell.
Status each_genuine(Coffer& coffer, const std::string& path, const Unlocked& visit) {
  return visit_files(coffer, {path}, [&](const InventoryFile& file) {
    if (file.empty || !file.status.is_ok()) return Status::ok();
    const auto opened = coffer.unlock(file.scan, file.path);
    if (opened.is_ok()) visit(opened->fields, file.path);
    return Status::ok();
  });
}

// That open because of this store: its own, and those that it lets in.
Result<uint64_t> count_files(Coffer& coffer, const std::string& path, const StoreEntry& store) {
  uint64_t count = 0;
  COFFER_TRY(each_genuine(coffer, path, [&](const EnvelopeFields& fields, const std::string&) {
    if (fields.store_id == store.id || store.descends_from(fields.store_id)) ++count;
  }));
  return count;
}

std::string domain_name(const Coffer& coffer, const EnvelopeFields& fields) {
  const Domain* domain = coffer.keyring()->find_key(fields.domain_key_id).domain;
  return domain != nullptr ? domain->name : std::string(kSystemDomain);
}

// What failed attempts to open the moved store left at its new place becomes the store's own.
Status clear_target(Keyring& next, StoreEntry& moving, const std::string& to, const std::string& node) {
  const StoreEntry* there = next.store_at(to, node);
  if (there == nullptr || there->id == moving.id) return Status::ok();
  if (there->confirmed) {
    return {Code::kAlreadyExists,
            to + " is a store of its own; coffer store forget takes it out of the keyring, coffer " +
                "store adopt lets it hold the files of " + moving.path};
  }
  const Id attempt = there->id;
  COFFER_TRY(next.remove_store(attempt));
  if (!moving.descends_from(attempt)) moving.lineage.push_back({attempt, now_seconds(), LineageHow::kAdopted});
  return Status::ok();
}

}  // namespace

Result<StoreEntry> find_store(const Coffer& coffer, const std::string& known) {
  const std::shared_ptr<const Keyring> keys = coffer.keyring();
  const auto id = Id::parse(known);
  if (const StoreEntry* found = id.is_ok() ? keys->find_store(*id) : nullptr) return *found;
  const Place place = coffer.places().of_directory(*keys, known);
  if (place.store != nullptr && place.exact) return *place.store;
  std::string elsewhere;
  for (const StoreEntry& store : keys->stores()) {
    if (store.path != place.path) continue;
    elsewhere += "; node " + store.node + " has one there, of which the id is " + store.id.hex();
  }
  return {Code::kNotFound, known + " is no store of " + (elsewhere.empty() ? coffer.directory() : "this node") +
                               elsewhere + "; coffer store list shows all"};
}

namespace {

// Of what only the machine can tell that has the store's files.
Result<StoreEntry> find_store_here(const Coffer& coffer, const std::string& known) {
  COFFER_ASSIGN(StoreEntry store, find_store(coffer, known));
  if (store.is_of(coffer.places().node(*coffer.keyring()))) return store;
  return {Code::kForeign, store.path + " is a store of node " + store.node + "; do that there"};
}

}  // namespace

bool matters_elsewhere(const Keyring& keyring, const StoreEntry& store) {
  return store.confirmed || keyring.find_node(store.node) == nullptr;
}

Status move_store(Coffer& coffer, const std::string& from, const std::string& to) {
  COFFER_ASSIGN(const StoreEntry store, find_store_here(coffer, from));
  const std::string old = coffer.places().here(store.path);
  if (path_exists(coffer, old) && !is_empty_directory(coffer, old)) {
    return {Code::kInvalidArgument,
            old + " is still there; move the directory first, or adopt a copy with coffer store adopt"};
  }
  COFFER_ASSIGN(const uint64_t files, count_files(coffer, to, store));
  if (files == 0) {
    return {Code::kInvalidArgument,
            to + " holds no file of the store " + store.path + "; name the directory it was moved to"};
  }
  return coffer.stores().change([&](Keyring& next) -> Status {
    const std::string target = coffer.places().of_directory(next, to).path;
    const StoreRefs all = coffer.places().stores(next);
    for (StoreEntry entry : std::vector<StoreEntry>(all.begin(), all.end())) {
      const bool inside = entry.path.starts_with(store.path + "/");
      if (entry.id != store.id && !inside) continue;
      const std::string path = target + entry.path.substr(store.path.size());
      COFFER_TRY(clear_target(next, entry, path, coffer.places().node(next)));
      entry.path = path;
      entry.also_at.clear();
      COFFER_TRY(next.replace_store(std::move(entry)));
    }
    return Status::ok();
  });
}

namespace {

// What the files below one store's place need to be opened there.
struct Needs {
  std::set<Id> stores;
  std::set<std::string> domains;
  bool has_current = false;  // a database is here
};

class Adopter {
 public:
  Adopter(Coffer& coffer, const std::string& path, const std::optional<Id>& from)
      : coffer_(coffer), path_(path), from_(from), keys_(coffer.keyring()) {}

  Result<Adoption> run() {
    COFFER_TRY(each_genuine(coffer_, path_,
                            [&](const EnvelopeFields& fields, const std::string& file) { judge(fields, file); }));
    if (found_.stores.empty()) {
      return {Code::kInvalidArgument, path_ + ": nothing there needs to be adopted" +
                                          (found_.left > 0 ? " from that store; without --from, others would be" : "")};
    }
    const Status changed = coffer_.stores().change([&](Keyring& next) -> Status {
      for (const auto& [directory, needs] : needs_) COFFER_TRY(let_in(next, directory, needs));
      return Status::ok();
    });
    COFFER_TRY(changed);
    return std::move(found_);
  }

 private:
  void judge(const EnvelopeFields& fields, const std::string& file) {
    const std::string directory(parent_of(file));
    const bool is_foreign = coffer_.check_place(fields, file).code() == Code::kForeign;
    const Place place = coffer_.places().of_directory(*keys_, directory);
    Needs& needs = needs_[place.exact ? directory : path_];
    if (base_name(file) == "CURRENT" && directory == path_) needs.has_current = true;
    if (!is_foreign) return;
    if (from_.has_value() && fields.store_id != *from_) {
      ++found_.left;
      return;
    }
    ++found_.stores[fields.store_id];
    needs.stores.insert(fields.store_id);
    const std::string domain = domain_name(coffer_, fields);
    if (domain == kSystemDomain || coffer_.places().domain_of(file) == domain) return;
    ++found_.domains[domain];
    needs.domains.insert(domain);
  }

  // A database inside another store's directory becomes a store of its own.
  Result<StoreEntry> entry_for(Keyring& next, const std::string& directory, const Needs& needs) const {
    const Place place = coffer_.places().of_directory(next, directory);
    if (place.store != nullptr && (place.exact || !needs.has_current)) return *place.store;
    COFFER_ASSIGN(const std::string node, coffer_.places().node_of_new(next, place.path));
    COFFER_ASSIGN(const Id id, next.add_store(place.path, now_seconds(), node));
    return *next.find_store(id);
  }

  Status let_in(Keyring& next, const std::string& directory, const Needs& needs) const {
    if (needs.stores.empty()) return Status::ok();
    COFFER_ASSIGN(StoreEntry entry, entry_for(next, directory, needs));
    entry.confirmed |= needs.has_current;
    for (const Id& store : needs.stores) {
      if (store == entry.id || entry.descends_from(store)) continue;
      entry.lineage.push_back({store, now_seconds(), LineageHow::kAdopted});
    }
    for (const std::string& domain : needs.domains) entry.add_domain(domain);
    return next.replace_store(std::move(entry));
  }

  Coffer& coffer_;
  const std::string path_;
  const std::optional<Id> from_;
  const std::shared_ptr<const Keyring> keys_;
  Adoption found_;
  std::map<std::string, Needs> needs_;  // by directory
};

}  // namespace

Result<Adoption> adopt(Coffer& coffer, const std::string& path, const std::optional<Id>& from) {
  return Adopter(coffer, path, from).run();
}

Result<StoreEntry> adopt_older(Coffer& coffer, const std::string& path) {
  if (coffer.freshness() == nullptr) {
    return {Code::kInvalidArgument, "nothing is remembered of stores: coffer.yaml of " + coffer.directory() +
                                        " does not have freshness: on; open the store as it is"};
  }
  COFFER_ASSIGN(const StoreEntry store, find_store_here(coffer, path));
  COFFER_TRY(coffer.stores().change([&](Keyring& next) -> Status {
    const StoreEntry* found = next.find_store(store.id);
    if (found == nullptr) return {Code::kNotFound, path + " is no store any more"};
    StoreEntry entry = *found;
    std::erase_if(entry.lineage, [&](const Lineage& each) { return each.store == store.id; });
    entry.lineage.push_back({store.id, now_seconds(), LineageHow::kOlder});
    return next.replace_store(std::move(entry));
  }));
  COFFER_TRY(coffer.freshness()->reset(store.id));
  return store;
}

namespace {

// Only there its files can be looked for; who is no node any more has none.
Status check_forgotten_elsewhere(const Keyring& keyring, const StoreEntry& store) {
  if (keyring.find_node(store.node) == nullptr) return Status::ok();
  return {Code::kBusy, store.path + " is a store of node " + store.node + ", which may have files of it; forget it " +
                           "there, or take the node out first: coffer node remove"};
}

}  // namespace

Status forget_store(Coffer& coffer, const Id& store) {
  COFFER_ASSIGN(const StoreEntry entry, find_store(coffer, store.hex()));
  const std::shared_ptr<const Keyring> keys = coffer.keyring();
  const bool is_here = entry.is_of(coffer.places().node(*keys));
  if (!is_here) COFFER_TRY(check_forgotten_elsewhere(*keys, entry));
  for (const std::string& known : {entry.path, entry.also_at}) {
    const std::string path = coffer.places().here(known);
    if (!is_here || known.empty() || !path_exists(coffer, path)) continue;
    // Where another one has its place here, that one lets in what it needs.
    const Place place = coffer.places().of_directory(*keys, path);
    if (place.exact && place.store->id != store) continue;
    COFFER_ASSIGN(const uint64_t files, count_files(coffer, path, entry));
    if (files == 0) continue;
    return {Code::kInvalidArgument, std::to_string(files) + (files == 1 ? " file" : " files") + " at " + path +
                                        " need this store; delete or move them first"};
  }
  return coffer.stores().change([&](Keyring& next) { return next.remove_store(store); });
}

}  // namespace coffer
