#include "coffer/ops/backup_shred.h"

#include "coffer/base/clock.h"
#include "coffer/ops/backup_marker.h"
#include "coffer/ops/backup_names.h"

namespace coffer {
namespace {

// Whether there was a part, or is a note of one. The note comes first: a part that is gone without one is damage.
Result<bool> replace_part(BackupTarget& target, const Keyring& keyring, const Id& backup, const Id& part) {
  const std::string name = backup_part_name(backup, part), note = backup_note_name(backup, part);
  COFFER_ASSIGN(const bool had_note, target.has(note));
  COFFER_ASSIGN(const bool has_part, target.has(name));
  if (!has_part) return had_note;
  if (!had_note) {
    const auto sign = [&](ByteView message) { return keyring.sign(message); };
    COFFER_ASSIGN(const Bytes bytes, seal_shredded_note(backup, part, now_seconds(), sign));
    COFFER_TRY(target.put_small(note, bytes));
  }
  COFFER_TRY(target.remove(name));
  COFFER_ASSIGN(const bool is_there, target.has(name));
  if (!is_there) return true;
  return {Code::kProviderUnavailable, target.describe() + " has " + name + " still, though it was removed"};
}

Result<bool> shred_in(Coffer& coffer, const Keyring& keyring, const ListedBackup& backup, const std::string& domain) {
  COFFER_ASSIGN(const Id part, backup_part_id(keyring, backup.id, domain));
  COFFER_ASSIGN(const NamedBackupTarget at, open_backup_target(coffer, backup.target));
  COFFER_TRY(check_backup_marker(*at.target, keyring.coffer_id()));
  return replace_part(*at.target, keyring, backup.id, part);
}

}  // namespace

Result<std::vector<BackupOfShredded>> shred_in_backups(Coffer& coffer, const std::string& domain) {
  COFFER_TRY(coffer.live_keyring().refresh());
  const auto keyring = coffer.keyring();
  std::vector<BackupOfShredded> out;
  for (const ListedBackup& backup : keyring->backups()) {
    const auto had = shred_in(coffer, *keyring, backup, domain);
    BackupOfShredded each{backup.id, backup.target, had.is_ok() ? "" : had.status().to_string()};
    if (had.is_ok() && backup.state == BackupState::kBeingMade) {
      each.not_reached = "it is being made, or was interrupted: what it has by then is not known; coffer backup forget";
    }
    if (!each.not_reached.empty() || *had) out.push_back(std::move(each));
  }
  return out;
}

}  // namespace coffer
