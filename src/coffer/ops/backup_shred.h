// What a shredding does to the backups that the coffer lists. docs/format.md, "Backups", "Destroyed keys".
#pragma once

#include "coffer/ops/backup_target.h"

namespace coffer {

struct BackupOfShredded {
  Id id;
  std::string target;
  // Empty: nothing of the domain is in it any more. Else what kept the shredding from it, or may bring it back.
  std::string not_reached;
};

// Takes the domain's part out of every backup that the keyring lists, and puts a signed note in its place. Of those
// that had one, or may have one. Each by itself: none keeps another from being reached. REQUIRES: the keyring has no
// key of the domain any more, so that no backup is finished that has a part of it
Result<std::vector<BackupOfShredded>> shred_in_backups(Coffer& coffer, const std::string& domain);

}  // namespace coffer
