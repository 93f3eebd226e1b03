// The file by which a target says whose backups it keeps.
#pragma once

#include "coffer/ops/backup_target.h"

namespace coffer {

// Ok if this coffer has backups there. kNotFound without a marker: a directory whose disk is not mounted has none, and
// looks empty; kForeign: they are another coffer's; else as parse_backup_marker().
Status check_backup_marker(BackupTarget& target, const Id& coffer_id);

}  // namespace coffer
