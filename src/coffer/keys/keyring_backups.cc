// The list of backups in a keyring: its changes, its rules and its bytes.
#include <algorithm>
#include <unordered_set>

#include "coffer/base/text.h"
#include "coffer/keys/keyring.h"

namespace coffer {
namespace {

constexpr size_t kBackupFixedSize = 16 + 1 + 8 + 1 + sizeof(Sha256);
constexpr size_t kBackupListFixedSize = 1 + 2;

Status broken_backups(std::string rule) {
  return {Code::kTampered, "the sealed keyring breaks a rule: " + std::move(rule)};
}

Status no_backup(const Id& id) {
  return {Code::kNotFound, "no backup " + id.hex() + " in the keyring; coffer backup list shows them"};
}

bool valid_target(std::string_view target) {
  return !target.empty() && target.size() <= kBackupTargetSizeMax && !has_control(target);
}

// Another one at the same target that is in this state; null if none.
const ListedBackup* find_other(std::span<const ListedBackup> list, std::string_view target, BackupState state,
                               const Id& but) {
  const auto found = std::ranges::find_if(list, [&](const ListedBackup& backup) {
    return backup.target == target && backup.state == state && backup.id != but;
  });
  return found == list.end() ? nullptr : &*found;
}

Result<ListedBackup> read_backup(Reader& reader) {
  ListedBackup backup;
  backup.id = reader.id();
  backup.target = as_text(reader.bytes8(kBackupTargetSizeMax));
  backup.begun = reader.u64();
  const uint8_t state = reader.u8();
  reader.copy_to(backup.index);
  if (!reader.ok()) return broken_backups("it must not end within its backups");
  if (backup.id.is_zero()) return broken_backups("the id of a backup must not be zero");
  const std::string name = "backup " + backup.id.short_hex();
  if (!valid_target(backup.target)) return broken_backups(name + " must name its target by 1 to 255 bytes of text");
  if (state < 1 || state > 3) return broken_backups(name + " must be in a known state");
  backup.state = static_cast<BackupState>(state);
  const bool has_index = !is_all_zero(backup.index);
  if (backup.state == BackupState::kBeingMade && has_index) {
    return broken_backups(name + " must have no index while it is being made");
  }
  if (backup.state == BackupState::kWhole && !has_index) return broken_backups(name + " must have an index");
  return backup;
}

}  // namespace

std::string_view backup_state_name(BackupState state) {
  switch (state) {
    case BackupState::kBeingMade: return "being made";
    case BackupState::kWhole: return "whole";
    case BackupState::kBeingForgotten: return "being forgotten";
  }
  return "unknown";
}

size_t backup_list_size(const std::vector<ListedBackup>& list) {
  if (list.empty()) return 0;
  size_t size = kBackupListFixedSize;
  for (const ListedBackup& backup : list) size += kBackupFixedSize + backup.target.size();
  return size;
}

void write_backup_list(const std::vector<ListedBackup>& list, Writer& writer) {
  if (list.empty()) return;
  writer.u8(kBackupListMark);
  writer.u16(static_cast<uint16_t>(list.size()));
  for (const ListedBackup& backup : list) {
    writer.id(backup.id);
    writer.bytes8(as_bytes(backup.target));
    writer.u64(backup.begun);
    writer.u8(static_cast<uint8_t>(backup.state));
    writer.bytes(backup.index);
  }
}

Result<std::vector<ListedBackup>> read_backup_list(Reader& reader) {
  std::vector<ListedBackup> list;
  std::unordered_set<Id, IdHash> ids;
  if (reader.u8() != kBackupListMark) return broken_backups("its backups must begin with their mark");
  const uint16_t count = reader.u16();
  if (!reader.ok()) return broken_backups("it must not end within its backups");
  if (count == 0 || count > kBackupCountMax) {
    return broken_backups("it must have 1 to 4096 backups, or no list of them");
  }
  for (uint16_t left = count; left > 0; --left) {
    COFFER_ASSIGN(ListedBackup backup, read_backup(reader));
    if (!ids.insert(backup.id).second) return broken_backups("backup " + backup.id.short_hex() + " must not repeat");
    list.push_back(std::move(backup));
  }
  return list;
}

const ListedBackup* Keyring::find_backup(const Id& id) const {
  const auto found = std::ranges::find(backups_, id, &ListedBackup::id);
  return found == backups_.end() ? nullptr : &*found;
}

ListedBackup* Keyring::own_backup(const Id& id) {
  const auto found = std::ranges::find(backups_, id, &ListedBackup::id);
  return found == backups_.end() ? nullptr : &*found;
}

Status Keyring::begin_backup(const Id& id, std::string_view target, uint64_t now) {
  if (id.is_zero()) return {Code::kInvalidArgument, "a backup's id is not all zeros"};
  if (!valid_target(target)) {
    return {Code::kInvalidArgument, "a backup's target is named by 1 to 255 bytes without control characters"};
  }
  if (find_backup(id) != nullptr) return {Code::kAlreadyExists, "there is a backup " + id.hex() + " already"};
  if (backups_.size() >= kBackupCountMax) {
    return {Code::kLimitExceeded, "a keyring lists at most 4096 backups; take old ones out: coffer backup forget"};
  }
  if (const auto* other = find_other(backups_, target, BackupState::kBeingForgotten, id)) {
    return {Code::kBusy, "backup " + other->id.hex() + " is being forgotten at " + std::string(target) +
                             ", and could take along what a new one relies on; finish that first: coffer backup "
                             "forget"};
  }
  backups_.push_back({id, std::string(target), now, BackupState::kBeingMade, {}});
  return Status::ok();
}

Status Keyring::finish_backup(const Id& id, const Sha256& index) {
  ListedBackup* backup = own_backup(id);
  if (backup == nullptr) return no_backup(id);
  if (backup->state != BackupState::kBeingMade) {
    return {Code::kConflict, "backup " + id.hex() + " is not being made any more: it is " +
                                 std::string(backup_state_name(backup->state))};
  }
  backup->state = BackupState::kWhole;
  backup->index = index;
  return Status::ok();
}

Status Keyring::begin_forgetting(const Id& id) {
  ListedBackup* backup = own_backup(id);
  if (backup == nullptr) return no_backup(id);
  if (const auto* other = find_other(backups_, backup->target, BackupState::kBeingMade, id)) {
    return {Code::kBusy, "backup " + other->id.hex() + " is being made at " + backup->target +
                             ", and may rely on what would go; wait for it, or, if it was interrupted, forget that one "
                             "first"};
  }
  backup->state = BackupState::kBeingForgotten;
  return Status::ok();
}

Status Keyring::forget_backup(const Id& id) {
  const ListedBackup* backup = find_backup(id);
  if (backup == nullptr) return no_backup(id);
  if (backup->state != BackupState::kBeingForgotten) {
    return {Code::kConflict, "backup " + id.hex() + " is " + std::string(backup_state_name(backup->state)) +
                                 "; only one that is being forgotten goes"};
  }
  std::erase_if(backups_, [&](const ListedBackup& each) { return each.id == id; });
  return Status::ok();
}

}  // namespace coffer
