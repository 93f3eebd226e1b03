#include "coffer/ops/backup_forget.h"

#include <unordered_set>

#include "coffer/ops/backup_marker.h"
#include "coffer/ops/backup_names.h"

namespace coffer {
namespace {

constexpr std::string_view kIndexes = "backups/", kObjects = "objects/", kIndexEnd = "/index";

using Names = std::unordered_set<std::string>;

// The objects that any index of the target names, but that of `but`.
Result<Names> names_needed(BackupTarget& target, const Id& but) {
  Names out;
  COFFER_ASSIGN(const std::vector<std::string> files, target.list(std::string(kIndexes)));
  for (const std::string& file : files) {
    if (!file.ends_with(kIndexEnd) || file == backup_index_name(but)) continue;
    COFFER_ASSIGN(const Bytes bytes, target.get_small(file, kBackupFileSizeMax));
    auto index = read_backup_index(bytes);
    if (!index.is_ok()) {
      return index.status().with_context(target.describe() + ": " + file +
                                         " does not tell what it needs, so nothing is removed that it may need");
    }
    for (const BackupObject& object : index->objects) out.insert(backup_object_name(object.digest));
  }
  return out;
}

Status remove_own(BackupTarget& target, const Id& backup) {
  COFFER_TRY(target.remove(backup_index_name(backup)));
  COFFER_ASSIGN(const std::vector<std::string> files, target.list(backup_directory(backup)));
  for (const std::string& file : files) COFFER_TRY(target.remove(file));
  return Status::ok();
}

// Nobody makes a backup here meanwhile, so what no index names is nobody's, whoever has left it.
Status remove_unneeded(BackupTarget& target, const Names& needed, ForgottenBackup& out) {
  COFFER_ASSIGN(const std::vector<std::string> objects, target.list(std::string(kObjects)));
  for (const std::string& object : objects) {
    if (needed.contains(object)) {
      ++out.kept;
      continue;
    }
    COFFER_TRY(target.remove(object));
    ++out.objects;
  }
  return target.remove_leftovers();
}

}  // namespace

Result<ForgottenBackup> forget_backup(Coffer& coffer, const Id& backup, IfTargetIsGone if_gone) {
  COFFER_TRY(coffer.at_home());
  COFFER_TRY(coffer.live_keyring().refresh());
  const auto keyring = coffer.keyring();
  const ListedBackup* listed = keyring->find_backup(backup);
  if (listed == nullptr) {
    return {Code::kNotFound, "no backup " + backup.hex() + " in the keyring of " + coffer.directory() +
                                 "; coffer backup list shows them"};
  }
  ForgottenBackup out{listed->target};
  std::unique_ptr<BackupTarget> target;
  if (if_gone == IfTargetIsGone::kRefuse) {
    COFFER_ASSIGN(NamedBackupTarget at, open_backup_target(coffer, listed->target));
    COFFER_TRY(check_backup_marker(*at.target, keyring->coffer_id()));
    target = std::move(at.target);
  }
  COFFER_TRY(coffer.live_keyring().update([&](Keyring& keys) { return keys.begin_forgetting(backup); }));
  if (target != nullptr) {
    // After the keyring has it: from then on no backup begins that would rely on an object.
    COFFER_ASSIGN(const Names needed, names_needed(*target, backup));
    COFFER_TRY(remove_own(*target, backup));
    COFFER_TRY(remove_unneeded(*target, needed, out));
  }
  COFFER_TRY(coffer.live_keyring().update([&](Keyring& keys) { return keys.forget_backup(backup); }));
  return out;
}

}  // namespace coffer
