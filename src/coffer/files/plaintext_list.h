// The plaintext files that a store may still have while it is brought over as it is served. They stand in a list that
// is made once, before the first of them is read, signed by the coffer, and only gets shorter. It counts as long as the
// keyring has the one key that it names: what ends it destroys that key, for good. docs/adr/0031.
//
// P1: a file is read as plaintext only at the store and by the name that the list has, with the size that it had then.
// P2: with the last of them the list ends, and none begins by itself. No older list counts again, since its key is
// gone. P3: what the list has lost it does not get back.
#pragma once

#include <atomic>
#include <map>
#include <mutex>

#include "coffer/files/engine_files.h"
#include "coffer/store/coffer.h"

namespace coffer {

// name below the store's directory → size
using PlaintextFiles = std::map<std::string, uint64_t, std::less<>>;

// The domain whose key the list of a store names; it protects no file.
std::string plaintext_domain(const Id& store);
// Begins. kInvalidArgument for a name that no list can hold.
Status begin_plaintext_list(Coffer& coffer, const Id& store, const PlaintextFiles& files);
// Nothing where the store has none: plaintext is refused there. kTampered, kNotFound: it is not what was signed.
Result<std::optional<PlaintextFiles>> read_plaintext_list(const Coffer& coffer, const Id& store);
// The store has no more than these now. None: that ends it.
Status shorten_plaintext_list(Coffer& coffer, const Id& store, const PlaintextFiles& left);

// What of a list is plaintext on the disk, by its name and size.
PlaintextFiles still_plaintext(Coffer& coffer, const std::string& directory, const PlaintextFiles& files);

struct StoreInTransition {
  Id store;
  std::string directory;  // here
  Status list;            // why nothing is read of it
  PlaintextFiles left;
};
// For status.
std::vector<StoreInTransition> stores_in_transition(Coffer& coffer);

// For an engine. Thread-safe.
class AcceptedPlaintext {
 public:
  AcceptedPlaintext(Coffer& coffer, const EngineFiles& files) : coffer_(coffer), files_(files) {}

  // Whether the plaintext file at this absolute path may be read as it stands.
  bool accepts(const std::string& path, uint64_t size);
  // Any, so far.
  bool has_accepted() const { return any_; }
  // What stood at this path was deleted, renamed or replaced. Cheap where nothing was ever accepted.
  void gone(const std::string& path);
  // The engine has locked the database in `directory`, and reads nothing yet: what is there in clear without being read
  // again is encrypted now, and the list gets as short as it can be.
  Status settle(const std::string& directory);

 private:
  struct Known {
    Id store;
    std::string directory;
    Id key;                // that is active in the list's domain; another one makes this stale
    PlaintextFiles files;  // what may still be read
  };
  // Null if no plaintext is accepted in that store. REQUIRES: mutex_ is held.
  Known* known_of(const std::string& store_directory);
  static PlaintextFiles::iterator find(Known& known, const std::string& path);
  Status shorten(Known& known, const PlaintextFiles& left);
  Status encrypt_unread(const std::string& directory, PlaintextFiles& files);

  Coffer& coffer_;
  const EngineFiles& files_;
  std::atomic<bool> any_{false};
  std::mutex mutex_;
  std::map<std::string, Known> known_;  // by the store's directory
};

}  // namespace coffer
