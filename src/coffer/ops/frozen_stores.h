// Stores that are frozen together.
#pragma once

#include <map>
#include <set>

#include "coffer/files/store_freezer.h"

namespace coffer {

// Thaws them when it goes. Not thread-safe.
class FrozenStores {
 public:
  // One after the other: the time of each runs from its own beginning. The error of the first that could not be.
  Status freeze(const StoreFreezer& freezer, const std::set<std::string>& stores);
  // Ok: nobody has changed anything in any of them. Errors as FrozenStore::check().
  Status check() const;
  // kConflict where there are others among these.
  Status check_all(const std::set<std::string>& stores) const;
  Status thaw();

 private:
  std::map<std::string, std::unique_ptr<FrozenStore>> frozen_;
};

}  // namespace coffer
