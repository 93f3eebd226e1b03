// What is not as it should be around a coffer: who can change its configuration, where its parts lie, what this machine
// offers. docs/operating.md, "Look at the surroundings".
#pragma once

#include <set>

#include "coffer/base/finding.h"
#include "coffer/crypto/backend.h"
#include "coffer/crypto/key_memory.h"
#include "coffer/store/coffer.h"

namespace coffer {

// Modes and owners of the configuration, its directory, and those further up. kNotFound, kIo.
Result<Findings> examine_permissions(Disk& disk, const std::string& config_path);
// What lies on one file system, or beside what, and should not. What cannot be looked at is not judged.
Findings examine_placement(Disk& disk, const std::string& config_path, const Config& config,
                           const std::string& keyring_directory, const std::vector<std::string>& stores);
// Root keys that the configuration has and no slot of the keyring or of a key group: `in_use` is what those name.
Findings examine_roots(const RootSettings& roots, const std::set<std::string>& in_use);

// What the system allows a process.
struct ProcessLimits {
  std::string process;         // "process 4711"; empty: this one
  uint64_t memlock = 0;        // bytes
  bool may_lock_more = false;  // it has CAP_IPC_LOCK
  bool core_is_zero = false;
};
// Of the process with that id; empty: of this one. kNotFound when there is none.
Result<ProcessLimits> process_limits(Disk& disk, const std::string& id);

// What the system says of itself. Read by machine_facts(); made up by tests.
struct MachineFacts {
  std::string swaps;                         // /proc/swaps
  std::vector<std::string> encrypted_swaps;  // of its file names
  std::string core_pattern;                  // /proc/sys/kernel/core_pattern
  KeyMemory key_memory;                      // of this process, which has the coffer open
  ProcessLimits limits;
};
MachineFacts machine_facts(Disk& disk, ProcessLimits limits);
Findings examine_machine(const MachineFacts& facts);

// What a look at the root key found.
Findings examine_root(const Status& found);
// What an open coffer shows of itself besides: its key groups, backups that were not finished, its audit log, what it
// counted.
Findings examine_contents(Coffer& coffer);
// Both, after a look at the root key and at this node's slot.
Findings examine_opened(Coffer& coffer);
// Everything that a program sees which has the coffer open for long, but for its root key, of which no provider is
// asked, and its node's slot (examine_node_slots()). Errors as examine_permissions().
Result<Findings> examine_at_work(Coffer& coffer);

// How fast new data files are sealed here, by one thread.
struct SealingSpeed {
  std::string cipher, implementation;
  double bytes_per_second = 0;
};

struct Examination {
  Findings findings;                  // of everything above
  std::optional<SealingSpeed> speed;  // nothing: no cipher works, which is a finding
  CryptoInUse crypto;
};
// Looks at everything, with the coffer open if it opens; that it does not is a finding. Takes some 50 ms besides.
// `open`: opens the coffer of `config_path`, which may be away. Errors as examine_permissions().
Result<Examination> examine(Disk& disk, const std::string& config_path, ProcessLimits limits,
                            const std::function<Result<std::shared_ptr<Coffer>>()>& open);

}  // namespace coffer
