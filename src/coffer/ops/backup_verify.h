// Verifying a backup where it is kept: that it is complete, which takes no key, and what is in it, which takes the
// backup's.
#pragma once

#include "coffer/files/engine_role.h"
#include "coffer/ops/backup_reading.h"
#include "coffer/ops/send.h"

namespace coffer {

struct BackupProblem {
  std::string name;  // in the target; of contents: the file's
  Status status;     // kNotFound: missing; kDamaged, kTampered, kTruncated and others: as where it is read
};

struct VerifiedBackup {
  SignaturePublicKey signer{};
  uint64_t made = 0;  // Unix seconds
  StreamCounts counts;
  uint64_t parts = 0;
  uint64_t shredded = 0;  // of those, whose domains were shredded since
  std::vector<BackupProblem> problems;
};

// Whether all that the index names is there, as it was: every byte is compared with the digests that its signer signed.
// Whom to believe is the caller's to say. The target's own errors are problems of what it was asked for.
Result<VerifiedBackup> verify_complete(BackupTarget& target, const ReadIndex& read, const StreamProgress& progress);

struct ContentsOptions {
  std::string open_with = {};  // as open_lockbox() has it
  // What the files' names mean to the engine that wrote them; null: nothing is known of them.
  RoleOfPath role_of = nullptr;
  StreamProgress progress = {};
};
// The same, and whether every file can be read, to its end, by its own format. Nothing is restored. Errors as
// check_trust(), which the caller has asked already, leaves them: of the lockbox, and the MAC of the index.
Result<VerifiedBackup> verify_contents(Coffer& coffer, ProviderOpener opener, BackupTarget& target,
                                       const ReadIndex& read, const ContentsOptions& options);

}  // namespace coffer
