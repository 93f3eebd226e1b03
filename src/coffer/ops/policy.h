// The policy of coffer.yaml, carried out: what is due in keyring and stores, and doing it. docs/operating.md, "Policy".
#pragma once

#include "coffer/ops/doctor.h"
#include "coffer/ops/due_reencryption.h"

namespace coffer {

// What is due now, by the configuration as it is now: rotations first, destructions last. Reads every header of every
// remembered store where a rewrap or destruction may be due.
Result<std::vector<DueAction>> plan_policy(Coffer& coffer);
// And which re-encryptions. Reads them where there is a key that makes one due.
Result<std::vector<DueReencryption>> plan_reencryption(Coffer& coffer);

// Files of a domain that are sealed by another cipher, or in chunks of another size, than coffer.yaml has for it now.
// They stay readable; reencrypt() brings them over, which nothing does for that by itself: it is a rewrite.
struct OtherCiphers {
  std::string domain;
  Usage files;
};
// Reads every header of every remembered store.
Result<std::vector<OtherCiphers>> files_of_other_ciphers(Coffer& coffer);

struct PolicyRun {
  std::vector<DueAction> done;
  std::vector<std::string> rollouts;   // what became of rotations that some nodes use first, as lines for a log
  std::vector<FileProblem> problems;  // of files that could not be done, or keep keys from being destroyed
  std::vector<DoneReencryption> reencrypted;
};
// Does what is due. kBusy while another process does. Without an engine's records nothing is re-encrypted.
Result<PolicyRun> apply_policy(Coffer& coffer, const EngineAtRest& engine = {});

// What of a policy may not be meant so.
Findings examine_policy(const Config& config);

}  // namespace coffer
