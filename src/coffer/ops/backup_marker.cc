#include "coffer/ops/backup_marker.h"

#include "coffer/ops/backup_names.h"

namespace coffer {

Status check_backup_marker(BackupTarget& target, const Id& coffer_id) {
  const std::string name(kBackupMarkerName);
  const auto text = target.get_small(name, kBackupMarkerSizeMax);
  if (text.code() == Code::kNotFound) {
    return {Code::kNotFound, target.describe() + " has no " + name + ", so no backups; is its disk mounted?"};
  }
  if (!text.is_ok()) return text.status();
  const auto whose = parse_backup_marker(as_text(*text));
  if (!whose.is_ok()) return whose.status().with_context(target.describe() + ": " + name);
  if (*whose == coffer_id) return Status::ok();
  return {Code::kForeign, target.describe() + " has backups of coffer " + whose->short_hex() + ", and this is coffer " +
                              coffer_id.short_hex()};
}

}  // namespace coffer
