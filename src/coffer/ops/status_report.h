// How a coffer stands: which keys protect which bytes, and what is wrong. What `coffer status` tells.
#pragma once

#include "coffer/crypto/key_memory.h"
#include "coffer/files/plaintext_list.h"
#include "coffer/ops/described.h"
#include "coffer/ops/inventory.h"
#include "coffer/ops/keys.h"
#include "coffer/ops/metrics.h"
#include "coffer/ops/node_slots.h"
#include "coffer/ops/root_standing.h"

namespace coffer {

struct StatusReport {
  std::string directory;
  std::shared_ptr<const Keyring> keyring;
  std::vector<StoreEntry> stores;            // that operators have to know of
  std::vector<StoreEntry> stores_elsewhere;  // of other nodes: matters_elsewhere()
  KeyringHeader header;
  Config config;
  ProviderConfig providers;
  Inventory inventory;
  Result<CountsByKey> counts = CountsByKey();
  std::vector<StoreInTransition> transitions;
  Status last_refresh;     // of the keyring, after the inventory
  std::string keyring_at;  // what messages call the place that it is kept in
  std::string audit_log;   // audit_log_warning()
  uint64_t copied = 0;     // as KeyringCondition::copied
  StoreMarks marks;      // empty where `freshness` is off
  Status root_key;       // whether it may go on protecting
  RootStanding root;     // since when, until when
  NodeSlots node_slots = std::optional<NodeSlotStanding>();
  KeyMemory key_memory;  // of this program
  std::vector<RunRecord> runs;
  uint64_t now = 0;
  bool with_history = false;
  bool looked_at_stores = false;
  // The files were looked at for this, each one; else the counts are those that are kept.
  bool recounted = true;
  Status kept_counts;  // ok, or what is wrong with them
};

// Of the files under a key; by the slot in force of a domain; of those under active keys only.
Usage usage_of(const StatusReport& report, const Id& key);
Usage usage_of(const StatusReport& report, const Domain& domain);
Usage active_of(const StatusReport& report, const Domain& domain);
KeyCounts counts_of_key(const StatusReport& report, const Id& key);
// Until the policy rotates an active key.
std::optional<uint64_t> percent_left(const StatusReport& report, const Domain& domain, const DomainKeyEntry& key);
// How many domains each key group has.
std::map<GroupNumber, size_t> domains_by_group(const Keyring& keyring);
// Of the files in a store.
StoreUsage usage_of(const StatusReport& report, const StoreEntry& store);
// Null if nothing is wrong with it.
const MissingStore* find_missing(const StatusReport& report, const Id& store);
// "3 stores of other nodes: db-2 (2), db-3 (1)", of a few nodes; empty where there are none.
std::string elsewhere_text(const StatusReport& report);
uint64_t bytes_of(const PlaintextFiles& files);

struct StatusOptions {
  std::vector<std::string> paths = {};  // to be counted, each file of them; none: every store the coffer remembers
  bool recount = false;                 // also where there are so many files that their counts are kept
  bool with_history = false;            // also keys that protect nothing any more
  // Else what this program's own last look found (LiveKeyring::watch_root()), and no provider is asked, nor what seals
  // this node's keys: of node slots nothing is said.
  bool ask_root = true;
};
// Looks at the keyring anew, and at the root key. Fails where the files or marks cannot be looked at; what else is
// wrong is in the report.
Result<StatusReport> make_status_report(Coffer& coffer, const StatusOptions& options);
// For machines.
Json status_json(const StatusReport& report);

}  // namespace coffer
