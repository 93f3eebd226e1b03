// The stores of a keyring: their entries, and which of them a path belongs to.
#include <algorithm>

#include "coffer/base/path.h"
#include "coffer/base/text.h"
#include "coffer/crypto/random.h"
#include "coffer/keys/keyring.h"
#include "coffer/keys/keyring_body.h"
#include "coffer/keys/node_identity.h"

namespace coffer {

std::string_view lineage_name(LineageHow how) {
  switch (how) {
    case LineageHow::kLinked: return "linked";
    case LineageHow::kAdopted: return "adopted";
    case LineageHow::kOlder: return "older";
  }
  return "unknown";
}

bool is_lineage(uint8_t how) { return how >= 1 && how <= 3; }

bool StoreEntry::descends_from(const Id& store) const {
  return std::any_of(lineage.begin(), lineage.end(), [&](const Lineage& each) { return each.store == store; });
}

bool StoreEntry::holds_domain(std::string_view domain) const {
  if (domains.size() == 1 && domains.front() == kAnyDomain) return true;
  return std::find(domains.begin(), domains.end(), domain) != domains.end();
}

bool StoreEntry::add_domain(std::string_view domain) {
  if (holds_domain(domain)) return false;
  if (domains.size() == kStoreDomainsMax || domain == kAnyDomain)
    domains = {std::string(kAnyDomain)};
  else
    domains.emplace_back(domain);
  return true;
}

bool valid_store_path(std::string_view path) {
  if (path.size() < 2 || path.size() > kStorePathSizeMax || path.front() != '/') return false;
  if (has_control(path)) return false;
  for (size_t at = 1; at <= path.size();) {
    size_t end = std::min(path.find('/', at), path.size());
    std::string_view component = path.substr(at, end - at);
    if (component.empty() || component == "." || component == "..") return false;
    at = end + 1;
  }
  return path.back() != '/';
}

Status check_store(const StoreEntry& entry) {
  if (entry.id.is_zero()) return {Code::kInvalidArgument, "a store's id must not be zero"};
  if (!valid_store_path(entry.path) || (!entry.also_at.empty() && !valid_store_path(entry.also_at))) {
    return {
        Code::kInvalidArgument,
        "a store's path must be absolute, without trailing slash, \".\", \"..\" and control characters, and at most " +
            std::to_string(kStorePathSizeMax) + " bytes"};
  }
  if (!entry.node.empty() && !valid_node_name(entry.node)) {
    return {Code::kInvalidArgument, "a store's node must be empty or a node's name"};
  }
  if (entry.lineage.size() > kStoreLineageMax || entry.domains.size() > kStoreDomainsMax) {
    return {Code::kLimitExceeded, "the store " + entry.path + " may hold files of " + std::to_string(kStoreLineageMax) +
                                      " other stores, and of as many domains, at most"};
  }
  const bool was_older = std::any_of(entry.lineage.begin(), entry.lineage.end(), [&](const Lineage& each) {
    return each.store == entry.id && each.how == LineageHow::kOlder;
  });
  std::vector<Id> ids;
  if (!was_older) ids.push_back(entry.id);
  for (const Lineage& each : entry.lineage) ids.push_back(each.store);
  std::sort(ids.begin(), ids.end(), [](const Id& a, const Id& b) { return a.bytes < b.bytes; });
  if (ids.front().is_zero() || std::adjacent_find(ids.begin(), ids.end()) != ids.end()) {
    return {Code::kInvalidArgument, "a store's lineage must not name a store twice, or itself but as older"};
  }
  std::vector<std::string_view> names(entry.domains.begin(), entry.domains.end());
  std::sort(names.begin(), names.end());
  const bool any = names.size() == 1 && names.front() == kAnyDomain;
  if (std::adjacent_find(names.begin(), names.end()) != names.end() ||
      (!any && !std::all_of(names.begin(), names.end(), valid_domain_name))) {
    return {Code::kInvalidArgument, "a store's domains must be names of domains, none twice"};
  }
  return Status::ok();
}

const StoreEntry* Keyring::find_store(const Id& id) const {
  auto found = std::find_if(stores_.begin(), stores_.end(), [&](const StoreEntry& store) { return store.id == id; });
  return found == stores_.end() ? nullptr : &*found;
}

StoreRefs Keyring::stores_of_node(std::string_view node) const {
  const auto has_there = [&](const StoreEntry& store, std::string_view path) { return store_at(path, node) == &store; };
  StoreRefs out;
  std::copy_if(stores_.begin(), stores_.end(), std::back_inserter(out), [&](const StoreEntry& store) {
    return has_there(store, store.path) || (!store.also_at.empty() && has_there(store, store.also_at));
  });
  return out;
}

const StoreEntry* Keyring::store_at(std::string_view path, std::string_view node) const {
  auto found = places_.find(StorePlaceView(node, path));
  if (found == places_.end() && !node.empty()) found = places_.find(StorePlaceView({}, path));
  return found == places_.end() ? nullptr : &stores_[found->second];
}

const StoreEntry* Keyring::store_of(std::string_view path, std::string_view node) const {
  for (; path.size() > 1; path = parent_of(path)) {
    if (const StoreEntry* store = store_at(path, node)) return store;
  }
  return nullptr;
}

Result<Id> Keyring::add_store(std::string_view path, uint64_t now, std::string_view node) {
  const auto known = places_.find(StorePlaceView(node, path));
  if (known != places_.end()) return stores_[known->second].id;
  if (stores_.size() >= UINT16_MAX) return {Code::kLimitExceeded, "a keyring has at most 65535 stores"};
  StoreEntry entry;
  COFFER_ASSIGN(entry.id, random_id());
  entry.created = now;
  entry.path = path;
  entry.node = node;
  COFFER_TRY(check_store(entry).with_context("store path \"" + printable(path) + "\""));
  places_.emplace(StorePlaceKey{entry.node, entry.path}, stores_.size());
  stores_.push_back(std::move(entry));
  return stores_.back().id;
}

Status Keyring::replace_store(StoreEntry entry) {
  COFFER_TRY(check_store(entry));
  const StoreEntry* old = find_store(entry.id);
  if (old == nullptr) return {Code::kNotFound, "no store " + entry.id.hex() + " in the keyring"};
  if (entry.node != old->node) return {Code::kInvalidArgument, "a store stays of its node"};
  for (const std::string* path : {&entry.path, &entry.also_at}) {
    const auto there = places_.find(StorePlaceView(entry.node, *path));
    if (path->empty() || there == places_.end() || &stores_[there->second] == old) continue;
    return {Code::kAlreadyExists, *path + " is another store already"};
  }
  if (entry.also_at == entry.path) return {Code::kInvalidArgument, "a store has two paths only if they differ"};
  stores_[static_cast<size_t>(old - stores_.data())] = std::move(entry);
  index_places();
  return Status::ok();
}

Status Keyring::remove_store(const Id& id) {
  if (std::erase_if(stores_, [&](const StoreEntry& store) { return store.id == id; }) == 0) {
    return {Code::kNotFound, "no store " + id.hex() + " in the keyring"};
  }
  index_places();
  return Status::ok();
}

void Keyring::index_places() {
  places_.clear();
  for (size_t i = 0; i < stores_.size(); ++i) {
    const StoreEntry& store = stores_[i];
    places_.emplace(StorePlaceKey{store.node, store.path}, i);
    if (!store.also_at.empty()) places_.emplace(StorePlaceKey{store.node, store.also_at}, i);
  }
}

}  // namespace coffer
