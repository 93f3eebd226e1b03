// What operators say of stores: that a directory was moved, that files of another store are to stay, that a store is
// gone for good. docs/operating.md, "Stores".
#pragma once

#include <optional>

#include "coffer/ops/inventory.h"

namespace coffer {

// `known`: a path as the keyring has it, of a store of this node or of every node's; or any store's id in hexadecimal.
// kNotFound, naming what other nodes have there.
Result<StoreEntry> find_store(const Coffer& coffer, const std::string& known);

// Whether people have to know of a store that this machine has not: of a database, and of one of a node that is not
// listed any more, since that one tidies up no more.
bool matters_elsewhere(const Keyring& keyring, const StoreEntry& store);

// The directory of the store at `from` was moved to `to`, and with it those inside. kNotFound for an unknown store;
// kInvalidArgument while `from` is still there, or where no file of the store is at `to`; kAlreadyExists where `to` is
// another confirmed store.
Status move_store(Coffer& coffer, const std::string& from, const std::string& to);

// What was found at a place that could not be opened there, and can be now.
struct Adoption {
  std::map<Id, uint64_t> stores;            // whose files: how many
  std::map<std::string, uint64_t> domains;  // of files whose paths say another: how many
  uint64_t left = 0;                        // of stores that were not asked for
};
// Files of other stores and domains at `path` may stay there, if they are genuine. `from`: only files of this store.
// kInvalidArgument where nothing needs it.
Result<Adoption> adopt(Coffer& coffer, const std::string& path, const std::optional<Id>& from);

// What stands at the store's place is how it is to be, however old: its marks begin anew, and its entry says so as
// `older`. kInvalidArgument where `freshness` is off. Returns the store. The entry first: nothing is accepted unseen.
Result<StoreEntry> adopt_older(Coffer& coffer, const std::string& path);

// The store is taken out of the keyring. kInvalidArgument while files at its place need it, saying how many; kBusy: it
// is another node's, which the keyring lists.
Status forget_store(Coffer& coffer, const Id& store);

}  // namespace coffer
