// What lies in the stores: every file's header, read without any key, and counts per domain key.
#pragma once

#include <functional>
#include <map>

#include "coffer/store/coffer.h"

namespace coffer {

struct InventoryFile {
  std::string path;
  uint64_t size = 0;  // on disk
  // kOk: a Coffer file or an empty one; else why its head was refused, or the error of opening it.
  Status status;
  EnvelopeScan scan;
  bool empty = false;  // zero bytes, or a header that never reached the disk
};

// The paths of the stores that a coffer remembers, without those inside another.
std::vector<std::string> remembered_stores(const Coffer& coffer);

using InventoryVisitor = std::function<Status(const InventoryFile&)>;

// Visits every regular file under `paths` (directories or single files; empty: all stores the coffer remembers) in the
// order of their names, each once even if the paths overlap. Files that vanish meanwhile are passed over. The visitor
// ends the walk by returning an error. kNotFound for a path that does not exist.
Status visit_files(Coffer& coffer, const std::vector<std::string>& paths, const InventoryVisitor& visitor);

struct Usage {
  uint64_t files = 0;
  uint64_t bytes = 0;
};

// Counts for `coffer status`.
struct Inventory {
  std::map<Id, Usage> by_key;  // domain key id
  Usage active;                // under an active key
  Usage encrypted;             // all Coffer files
  Usage unknown_key;           // of those, under a key that is not in the keyring
  Usage empty;
  Usage plaintext;
  Usage unreadable;  // damaged, truncated or unsupported header, or an error of the operating system
  std::vector<std::string> missing_stores;  // remembered, but their directory is gone
};
Result<Inventory> take_inventory(Coffer& coffer, const std::vector<std::string>& paths);

}  // namespace coffer
