// Taking backups out of their target, and out of the keyring's list.
#pragma once

#include "coffer/ops/backup_target.h"

namespace coffer {

struct ForgottenBackup {
  std::string target;
  uint64_t objects = 0;  // that were removed, as no other backup needs them
  uint64_t kept = 0;     // that others need
};

enum class IfTargetIsGone : uint8_t { kRefuse, kForget };

// Removes the backup's index, and then all of it that no other index of the target names; whole or not. Repeated, it
// does what is left of that. kForget: the target is gone for good, and is not asked; only the list changes. kNotFound:
// it is not listed, or its target has no marker; kForeign: the target is of another coffer by now; kBusy: another
// backup is being made there. Where another index cannot be read, its error: what it names is not known, and no object
// is removed.
Result<ForgottenBackup> forget_backup(Coffer& coffer, const Id& backup, IfTargetIsGone if_gone);

}  // namespace coffer
