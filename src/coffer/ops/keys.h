// What operators do with domain keys by hand: docs/keys.md, "States". Each change is one version of the keyring.
#pragma once

#include "coffer/ops/inventory.h"
#include "coffer/ops/key_questions.h"

namespace coffer {

// `known`: DOMAIN:NUMBER, or a key's id in hexadecimal, at least its first 8 digits. kNotFound; kInvalidArgument for
// digits that fit several. What is found is of `keyring`, and lives as long.
Result<FoundKey> find_key(const Keyring& keyring, const std::string& known);

// For people: as they were added, or by their names where there are so many that shards have their own order.
std::vector<std::reference_wrapper<const Domain>> listed(const Keyring& keyring);

// A key after what was done with it.
struct ChangedKey {
  std::string domain;
  DomainKeyEntry key;
  std::optional<uint32_t> active;  // the number of the domain's active key now
  uint64_t keyring_version = 0;
};

// Keyring::change_key(), and its errors. Not for kDestroyed.
Result<ChangedKey> change_key(Coffer& coffer, const std::string& known, KeyState state);
// Keyring::set_key_expiry(), and its errors.
Result<ChangedKey> expire_key(Coffer& coffer, const std::string& known, uint64_t when);
// Who needs a key no more, as the operator knows, which nothing here shows.
struct UnneededBy {
  bool mariadb = false;
  bool other_nodes = false;         // machines that the keyring does not list
  std::set<std::string> nodes = {};  // that it lists, and that are not asked
};
struct KeyDestruction {
  std::optional<ChangedKey> done;  // its bytes are gone from the keyring
  std::vector<HeldUp> held_up_by;  // else these nodes, which were asked: to be repeated
};
// kBusy while a file of a remembered store here needs the key, or may need it: a store that is missing, a header that
// cannot be read; while one does that arrives as a new store; and where a server may, or a machine that is not listed.
// kConflict: the list of nodes has changed meanwhile. kInvalidArgument as its state has it; kNotFound.
Result<KeyDestruction> destroy_key(Coffer& coffer, const std::string& known, const UnneededBy& unneeded = {});

// From when on nothing of the domain is read or written; 0: it is not locked. Errors as Keyring::lock_domain(). What is
// so already stays, and no version of the keyring is saved for it.
Result<uint64_t> lock_domain(Coffer& coffer, const std::string& name);
Result<uint64_t> unlock_domain(Coffer& coffer, const std::string& name);

}  // namespace coffer
