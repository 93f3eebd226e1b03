// Whether a store is at least as new as its mark. docs/keys.md, "Freshness".
#pragma once

#include <string>

#include "coffer/store/coffer.h"

namespace coffer {

// What stands in `directory` of `disk`. kRolledBack, naming the file and both positions, when it falls short of the
// mark; kForeign is not judged, the caller opens what it reads. Any other error of reading a log is that log's.
Status check_store_mark(Coffer& coffer, Disk& disk, const std::string& directory, const StoreMark& mark);

// The store that is in `directory`, by the marks there are now. Ok where `freshness` is off, or nothing is remembered.
// A store may be in use elsewhere meanwhile: what fails counts only if its mark did not change.
Status check_freshness(Coffer& coffer, const Id& store, const std::string& directory);
// The same wherever the store is.
Status check_freshness(Coffer& coffer, const StoreEntry& store);

// The same for an engine that is about to use the store at `directory`, once until it has closed all logs of it. In a
// directory that only holds logs, nothing shows that they are read but its being listed: `listing` checks those alone.
Status ensure_fresh(Coffer& coffer, const std::string& directory, bool listing = false);

}  // namespace coffer
