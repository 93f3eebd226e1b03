// What of the stores is to get other file keys by itself: what a compromised key ever protected, and what the policy of
// coffer.yaml has re-encrypted by now. docs/operating.md, "Policy".
#pragma once

#include "coffer/ops/reencrypt.h"

namespace coffer {

// Files of a store that have a file key which such a key once protected, by their headers. Each file is of one of them.
struct DueReencryption {
  std::string domain;
  uint32_t key_version = 0;
  bool is_compromised = false;
  std::string why;    // to be said of the key: "which was compromised"
  std::string store;  // its path here
  uint64_t files = 0;
  uint64_t bytes = 0;

  std::string key() const { return domain + ":" + std::to_string(key_version); }
};

// Those of compromised keys first. Reads every header of every remembered store where there is such a key.
Result<std::vector<DueReencryption>> find_due_reencryptions(Coffer& coffer, const Policy& policy);

struct DoneReencryption {
  DueReencryption what;
  Status status;  // kBusy: an engine has the store open, and its program is to do it
};
// How the engine of the stores is kept out of them, and what its files are: as of ReencryptOptions.
struct EngineAtRest {
  RoleOfPath role_of = nullptr;
  const EngineRecords* records = nullptr;
};
// Does it, in that order, at the rate that the coffer's directory or the policy says.
Result<std::vector<DoneReencryption>> reencrypt_what_is_due(Coffer& coffer, const Policy& policy,
                                                            const EngineAtRest& engine,
                                                            std::vector<FileProblem>& problems);

}  // namespace coffer
