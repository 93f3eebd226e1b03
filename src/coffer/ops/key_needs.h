// What of this node needs a domain key, or may need it: asked before one is destroyed, here and by other nodes.
#pragma once

#include "coffer/keys/node_answer.h"
#include "coffer/ops/inventory.h"

namespace coffer {

struct NeedingFiles {
  uint64_t files = 0;
  std::string examples;  // some of their paths, for people
};

struct KeyNeeds {
  std::map<Id, NeedingFiles> by_key;  // of those that were asked about, the ones that files need
  std::set<Id> arriving;              // keys of what arrives as a new store
  std::set<Id> by_mariadb;            // keys that a MariaDB server may need
  std::vector<MissingStore> missing;  // may need any
  uint64_t unreadable = 0;            // files, which may need any
  std::string unreadable_example;

  // As a node says it to others.
  KeyAnswer answer_to(const KeyQuestion& question) const;
};

// On return no program of this machine makes a file by an older keyring than the one in hand, nor will; what was made
// so is on the disk. Takes a moment where that has just changed. kBusy: a program, or this node's copy of the keyring,
// may go on by an older one; says what to do.
Status wait_for_programs(Coffer& coffer);
// Reads every header of every remembered store, once programs were waited for, and again where none needs some of the
// keys. REQUIRES: by the keyring in hand none of these keys may wrap.
Result<KeyNeeds> look_for_needs(Coffer& coffer, const std::set<Id>& keys);

}  // namespace coffer
