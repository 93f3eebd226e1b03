// Which node this machine is: whose stores in the keyring are its own. docs/adr/0052.
#pragma once

#include <mutex>
#include <string>

#include "coffer/io/disk.h"
#include "coffer/keys/keyring.h"

namespace coffer {

// By COFFER/node.key, which says it in clear: who writes there writes coffer.yaml, too. Thread-safe. `disk` outlives
// it.
class NodeName {
 public:
  NodeName(Disk& disk, std::string coffer_directory, const Id& coffer_id)
      : disk_(disk), directory_(std::move(coffer_directory)), coffer_id_(coffer_id) {}

  // Empty: no node, or none that can be read. Looked at anew with every newer keyring, for only in one that is newer
  // than its keys a node has stores; one that was known stays until another takes its place.
  std::string name(const Keyring& keyring) const;
  // Ok, or why the name cannot be read. kNotFound: no node.
  Status state(const Keyring& keyring) const;

 private:
  struct Known {
    uint64_t version = 0;  // of the keyring it was looked at with; 0: never
    std::string name;
    Status state;
  };
  Known known(const Keyring& keyring) const;

  Disk& disk_;
  const std::string directory_;
  const Id coffer_id_;
  mutable std::mutex mutex_;
  mutable Known known_;
};

}  // namespace coffer
