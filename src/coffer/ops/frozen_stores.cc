#include "coffer/ops/frozen_stores.h"

namespace coffer {

Status FrozenStores::freeze(const StoreFreezer& freezer, const std::set<std::string>& stores) {
  for (const std::string& store : stores) {
    COFFER_ASSIGN(auto frozen, freezer.freeze(store));
    frozen_.emplace(store, std::move(frozen));
  }
  return Status::ok();
}

Status FrozenStores::check() const {
  for (const auto& [store, frozen] : frozen_) COFFER_TRY(frozen->check());
  return Status::ok();
}

Status FrozenStores::check_all(const std::set<std::string>& stores) const {
  for (const std::string& store : stores) {
    if (!frozen_.contains(store)) return {Code::kConflict, store + ": was mounted meanwhile; repeat"};
  }
  return Status::ok();
}

Status FrozenStores::thaw() {
  Status out;
  for (const auto& [store, frozen] : frozen_) {
    Status thawed = frozen->thaw();
    if (out.is_ok()) out = std::move(thawed);
  }
  frozen_.clear();
  return out;
}

}  // namespace coffer
