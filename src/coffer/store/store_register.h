// Which stores there are: kept in the keyring, by what engines do in directories. A change is durable before the engine
// goes on, so no crash leaves a file where it may not be opened. docs/adr/0019.
#pragma once

#include <optional>

#include "coffer/keys/live_keyring.h"
#include "coffer/store/places.h"

namespace coffer {

// Where a new file is about to be made.
struct NewPlace {
  std::string directory;
  // A data file in a directory of a database's directory is the database's; any other file makes a store of its own.
  bool joins_database = false;
  bool confirms = false;  // the file shows that a database is here
  std::string path = {};  // of the file; where there is a domain
  std::string_view domain = kSystemDomain;
};

// A store whose directory is being renamed.
struct MovingStore {
  Id id;
  std::string to;  // as the keyring will know it
};

// Provisional stores (StoreEntry::confirmed) whose directories are gone: so many are kept, for the disk may only be
// unmounted, shared out among the nodes that the keyring lists. A node forgets its oldest.
inline constexpr size_t kGoneStoresMax = 256;

// Thread-safe. What it is made of outlives it.
class StoreRegister {
 public:
  StoreRegister(Disk& disk, LiveKeyring& keyring, const Places& places)
      : disk_(disk), keyring_(keyring), places_(places) {}

  // The store of a new file, entered if there is none, with what the file needs there.
  Result<Id> store_for(const NewPlace& place);
  // A database is in this directory.
  Status confirm(const std::string& directory);
  // Names in this store are encrypted from now on, and for ever. Confirms it.
  Status encrypt_names(const std::string& directory);
  // From now on files of the store `store` and of `domain` may be in `directory`. kLimitExceeded when its lineage is
  // full.
  Status allow(const std::string& directory, const Id& store, std::string_view domain, LineageHow how);

  // A directory is about to be renamed: its files may be at both places until end_move(). Which stores move.
  Result<std::vector<MovingStore>> begin_move(const std::string& from, const std::string& to);
  // It was, or it failed and stands where it was.
  Status end_move(const std::vector<MovingStore>& stores, bool moved);
  // The directory is gone for good. Nothing happens where it is no store's own.
  Status drop(const std::string& directory);

  // Changes the keyring, and settles what crashes left of renames.
  Status change(const std::function<Status(Keyring&)>& change);
  // Whether the directory of a store is there now. REQUIRES: one of Places::stores().
  bool is_present(const StoreEntry& store) const;

 private:
  void tidy(Keyring& keyring) const;
  // Places::stores(), while the keyring changes.
  std::vector<StoreEntry> stores_of(const Keyring& keyring) const;
  // Makes durable where the directories of these stores are.
  Status sync_names(const std::vector<MovingStore>& stores) const;
  // What a store is whose rename nobody ended; nothing while both directories, or neither, have files.
  std::optional<StoreEntry> settled(const StoreEntry& store) const;
  bool exists(const std::string& known) const;
  bool is_empty(const std::string& known) const;
  Result<StoreEntry> entry_for(Keyring& keyring, const std::string& directory, bool joins_database) const;

  Disk& disk_;
  LiveKeyring& keyring_;
  const Places& places_;
};

}  // namespace coffer
