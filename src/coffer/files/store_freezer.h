// Having those wait who change a store that is in use, for as long as its files are looked at. An engine's adapter has
// one if it can do that. Not thread-safe.
#pragma once

#include <memory>
#include <string>

#include "coffer/base/status.h"

namespace coffer {

// Changes wait until it is destroyed, or thawed, or its time is over.
class FrozenStore {
 public:
  virtual ~FrozenStore() = default;
  // Ok: nobody has changed anything until now. kConflict, saying why it was over sooner.
  virtual Status check() = 0;
  // The same, and it is over.
  virtual Status thaw() = 0;
};

class StoreFreezer {
 public:
  virtual ~StoreFreezer() = default;
  // Whether the store at `directory` is in use by somebody who can be asked to freeze it.
  virtual bool can_freeze(const std::string& directory) const = 0;
  // What was written before is in its files, as a power failure after a sync would leave them. kBusy: somebody else has
  // it frozen, or may not be asked by this user; kConflict: it could not be frozen in time.
  virtual Result<std::unique_ptr<FrozenStore>> freeze(const std::string& directory) const = 0;
};

}  // namespace coffer
