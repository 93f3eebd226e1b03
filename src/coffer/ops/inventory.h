// What lies in the stores: every file's header, read without any key, and counts per domain key.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "coffer/store/coffer.h"

namespace coffer {

struct InventoryFile {
  std::string path;
  uint64_t size = 0;  // on disk
  FileInfo info;
  // kOk: a Coffer file or an empty one; else why its head was refused, or the error of opening it.
  Status status;
  EnvelopeScan scan;
  bool empty = false;  // zero bytes, a header that never reached the disk, or a beginning that nobody relies upon
  // Instead of all that: it need not be looked into.
  bool is_known = false;
  // The same: a symbolic link out of what is visited. Nobody follows it.
  bool leads_outside = false;
};

// The ids of the domain keys that unwrap any of its slots.
std::set<Id> keys_needed(const EnvelopeScan& scan);

// Where the stores that a coffer remembers are on this machine, without those inside another. Provisional ones whose
// directory is gone are not among them.
std::vector<std::string> remembered_stores(const Coffer& coffer);

// A confirmed store that is not what it was: its directory is gone, or holds nothing of it, as where a disk is not
// mounted.
struct MissingStore {
  Id store;
  std::string path;   // here
  bool gone = false;  // else empty
};
std::vector<MissingStore> missing_stores(const Coffer& coffer);
std::string_view missing_text(const MissingStore& store);  // what is wrong with it, for people

using InventoryVisitor = std::function<Status(const InventoryFile&)>;

// Visits every regular file under `paths` (directories or single files; empty: all stores the coffer remembers) in the
// order of their names, each once even if the paths overlap. A directory is visited once, whatever names it has; links
// inside are not followed. Files that vanish meanwhile are passed over. The visitor ends the walk by returning an
// error. kNotFound for a path that does not exist; kForeign for the stores that a copy of a coffer remembers. `knows`:
// of which files no header is read.
using KnowsFile = std::function<bool(const FileInfo&)>;
Status visit_files(Coffer& coffer, const std::vector<std::string>& paths, const InventoryVisitor& visitor,
                   const KnowsFile& knows = {});

// Of one store: its Coffer files, and those that no slot needs a key for which is not active.
struct StoreUsage {
  Usage encrypted, active;
};

// Counts for people, and for who decides by all headers as they are now.
struct Inventory {
  std::map<Id, Usage> by_key;              // domain key id; a file counts under each key that its slots need
  std::map<Id, Usage> by_other_copy;       // of those, the ones that only the slot needs which is not current
  std::map<std::string, Usage> by_domain;  // by the current slot
  std::map<std::string, Usage> active_by_domain;
  std::map<Id, StoreUsage> by_store;  // zero: in no store
  Usage active;       // no slot needs a key that is not active
  Usage encrypted;    // all Coffer files
  Usage unknown_key;  // of those, under a key that is not in the keyring
  Usage empty;
  Usage plaintext;
  Usage unreadable;  // damaged, truncated or unsupported header, or an error of the operating system
  std::vector<std::string> links_outside;    // symbolic links that lead out of what was visited, not followed
  std::vector<MissingStore> missing_stores;  // where no paths were given
  std::set<Id> beyond_files;                 // keys_beyond_files(), keys_of_arrivals()
  uint64_t links_seen = 0;                   // such links: all of them, where those above are not known
  uint64_t counted_at = 0;                   // Unix seconds: when every header was read
  Status kept;                               // ok, or why the counts could not be kept for `coffer status`
};

// What visit_files() finds, counted.
class FileTally {
 public:
  explicit FileTally(Coffer& coffer);
  void add(const InventoryFile& file);
  // REQUIRES: all files were added. Once.
  CountedFiles result();
  std::vector<std::string>& links_outside() { return links_; }

 private:
  StoreCounts& store_of(const std::string& path);

  Coffer& coffer_;
  CountedFiles counted_;
  std::string directory_;  // of the file before
  StoreCounts* store_ = nullptr;
  std::vector<std::string> links_;
};

// Reads every header. Of the whole coffer (no paths), the counts are kept for kept_inventory().
Result<Inventory> take_inventory(Coffer& coffer, const std::vector<std::string>& paths,
                                 FileCounts::Keep keep = FileCounts::Keep::kIfMany);
// From what is kept, without a look at any file: for people. NOTHING MAY BE DECIDED BY IT (store/file_counts.h, C1).
// nullopt where take_inventory() is as quick, or there is more than what was counted. kTampered as FileCounts::load().
Result<std::optional<Inventory>> kept_inventory(Coffer& coffer);
// Keys that a MariaDB server may need, which has its own in no file of Coffer's: those that are not destroyed, of the
// domains that coffer.yaml lists for it now.
Result<std::set<Id>> keys_beyond_files(const Coffer& coffer);
// Those that files need which arrive as new stores, of streams and backups: they stand in no store yet, and would get
// their names with headers that nobody opens.
Result<std::set<Id>> keys_of_arrivals(Coffer& coffer);
// It may wrap, or did and may again, or a file needs it, or may. Else it is history.
bool is_in_use(const DomainKeyEntry& key, const Inventory& inventory);

}  // namespace coffer
