// The policy of coffer.yaml, carried out: what is due in keyring and stores, and doing it. docs/operating.md, "Policy".
#pragma once

#include "coffer/ops/doctor.h"
#include "coffer/ops/reencrypt.h"

namespace coffer {

// What is due now, by the configuration as it is now: rotations first, destructions last. Reads every header of every
// remembered store where a rewrap or destruction may be due.
Result<std::vector<DueAction>> plan_policy(Coffer& coffer);

// Files of a domain that are sealed by another cipher, or in chunks of another size, than coffer.yaml has for it now.
// They stay readable; reencrypt() brings them over, which nothing does by itself: it is a rewrite.
struct OtherCiphers {
  std::string domain;
  Usage files;
};
// Reads every header of every remembered store.
Result<std::vector<OtherCiphers>> files_of_other_ciphers(Coffer& coffer);

// Files of a store that have a file key which a compromised key once protected, by their headers.
struct DueReencryption {
  std::string key;    // "system:3"
  std::string store;  // its path here
  uint64_t files = 0;
  uint64_t bytes = 0;
};
// Reads every header of every remembered store where a key was ever compromised.
Result<std::vector<DueReencryption>> plan_reencryption(Coffer& coffer);

struct PolicyRun {
  std::vector<DueAction> done;
  std::vector<FileProblem> problems;  // of files that could not be done, or keep keys from being destroyed
  struct Reencrypted {
    DueReencryption what;
    Status status;  // kBusy: an engine has the store open, and its program is to do it
  };
  std::vector<Reencrypted> reencrypted;
};
// How the engine of the stores is kept out of them, and what its files are: as of ReencryptOptions.
struct EngineAtRest {
  RoleOfPath role_of = nullptr;
  const EngineRecords* records = nullptr;
};
// Does what is due. kBusy while another process does. Without an engine's records nothing is re-encrypted.
Result<PolicyRun> apply_policy(Coffer& coffer, const EngineAtRest& engine = {});

// What of a policy may not be meant so.
Findings examine_policy(const Config& config);

}  // namespace coffer
