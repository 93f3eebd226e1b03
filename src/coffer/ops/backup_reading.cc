#include "coffer/ops/backup_reading.h"

#include <algorithm>

namespace coffer {
namespace {

constexpr std::string_view kAllBackups = "backups/";
constexpr std::string_view kIndexFile = "/index";

Result<Id> newest_signed(const Coffer& coffer, const NamedBackupTarget& at, const TrustedSigner& signed_by) {
  COFFER_ASSIGN(const std::vector<Id> ids, backups_at(*at.target));
  std::optional<Id> out;
  uint64_t made = 0;
  for (const Id& id : ids) {
    COFFER_ASSIGN(const ReadIndex read, read_index_of(*at.target, id));
    if (!check_trust(coffer, read, signed_by).is_ok() || (out && read.index.made < made)) continue;
    out = id;
    made = read.index.made;
  }
  if (out) return *out;
  return {Code::kNotFound, at.target->describe() + ": has no backup that is signed by " + to_hex(*signed_by)};
}

// Cuts what comes into pieces, and proves at the end that it was all of the object.
class Pieces {
 public:
  Pieces(const BackupObject& object, const TakePiece& take) : object_(object), take_(take) {}

  Status add(ByteView bytes) {
    while (!bytes.empty()) {
      const size_t count = std::min(bytes.size(), kFileStreamChunkSize - piece_.size());
      piece_.insert(piece_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
      bytes = bytes.subspan(count);
      if (piece_.size() == kFileStreamChunkSize) COFFER_TRY(flush());
    }
    return Status::ok();
  }

  Status finish() {
    if (!piece_.empty()) COFFER_TRY(flush());
    COFFER_ASSIGN(const Sha256 digest, digest_.finish());
    return at_ == object_.size && digest == object_.digest ? Status::ok() : not_as_backed_up(object_);
  }

 private:
  Status flush() {
    if (piece_.size() > object_.size - at_) return not_as_backed_up(object_);
    COFFER_TRY(digest_.add(piece_));
    COFFER_TRY(take_(at_, piece_));
    at_ += piece_.size();
    piece_.clear();
    return Status::ok();
  }

  const BackupObject& object_;
  const TakePiece& take_;
  DigestOfPieces digest_;
  Bytes piece_;
  uint64_t at_ = 0;
};

// Every body that a part names is one that the index names (B2).
Status check_bodies(const BackupPart& part, const BackupIndex& index) {
  for (const StreamedFile& file : part.files) {
    if (file.body_size == 0) continue;
    const BackupObject* object = index.find_object(file.had);
    if (object != nullptr && object->size == file.body_size) continue;
    return {Code::kTampered, "it names a body that the backup's index does not have"};
  }
  return Status::ok();
}

Status check_listed(const Coffer& coffer, const ReadIndex& read) {
  const auto keys = coffer.keyring();
  const ListedBackup* listed = keys->find_backup(read.index.id);
  if (listed == nullptr) return Status::ok();
  if (listed->state != BackupState::kWhole) {
    return {Code::kNotFound, "backup " + read.index.id.hex() + " is " + std::string(backup_state_name(listed->state)) +
                                 ", and not whole; coffer backup forget clears what is left of it"};
  }
  COFFER_ASSIGN(const Sha256 digest, sha256(read.bytes));
  if (digest == listed->index) return Status::ok();
  return {Code::kRolledBack, "backup " + read.index.id.hex() + ": its index is another one than the coffer lists: what "
                                                               "stands there was put in its place"};
}

}  // namespace

Result<std::vector<Id>> backups_at(BackupTarget& target) {
  COFFER_ASSIGN(const std::vector<std::string> names, target.list(std::string(kAllBackups)));
  std::vector<Id> out;
  for (const std::string& name : names) {
    if (!name.ends_with(kIndexFile)) continue;
    const auto id = Id::parse(std::string_view(name).substr(
        kAllBackups.size(), name.size() - kAllBackups.size() - kIndexFile.size()));
    if (id.is_ok()) out.push_back(*id);
  }
  return out;
}

Result<ReadIndex> read_index_of(BackupTarget& target, const Id& backup) {
  ReadIndex out;
  auto bytes = target.get_small(backup_index_name(backup), kBackupFileSizeMax);
  if (bytes.code() == Code::kNotFound) {
    return {Code::kNotFound, target.describe() + ": has no backup " + backup.hex() + ", or its index is missing; "
                                                                                     "coffer backup list shows them"};
  }
  if (!bytes.is_ok()) return bytes.status();
  out.bytes = std::move(*bytes);
  auto index = read_backup_index(out.bytes);
  const std::string where = target.describe() + ": " + backup_index_name(backup);
  if (!index.is_ok()) return index.status().with_context(where);
  out.index = std::move(*index);
  if (out.index.id == backup) return out;
  return {Code::kTampered, where + ": is the index of another backup, " + out.index.id.hex()};
}

Status check_trust(const Coffer& coffer, const ReadIndex& read, const TrustedSigner& signed_by) {
  const auto keys = coffer.keyring();
  COFFER_ASSIGN(const Signed own, keys->sign({}));
  const std::string signer = to_hex(read.index.signer);
  if (signed_by && read.index.signer != *signed_by) {
    return {Code::kPermissionDenied, "backup " + read.index.id.hex() + " was signed by " + signer + ", and not by " +
                                         to_hex(*signed_by) + "; nothing was read of it"};
  }
  if (read.index.signer == own.public_key) return check_listed(coffer, read);
  if (signed_by) return Status::ok();
  return {Code::kPermissionDenied, "backup " + read.index.id.hex() + " was signed by another coffer, whose key is " +
                                       signer + ", and nothing was read of it; if you know that key, say so: " +
                                       "--signed-by " + signer};
}

Result<Id> newest_backup(const Coffer& coffer, const NamedBackupTarget& at, const TrustedSigner& signed_by) {
  if (signed_by) return newest_signed(coffer, at, signed_by);
  const auto keys = coffer.keyring();
  const ListedBackup* newest = nullptr;
  for (const ListedBackup& backup : keys->backups()) {
    if (backup.target != at.name || backup.state != BackupState::kWhole) continue;
    if (newest == nullptr || backup.begun >= newest->begun) newest = &backup;
  }
  if (newest != nullptr) return newest->id;
  return {Code::kNotFound, at.target->describe() + ": the coffer lists no whole backup there; of another coffer's, "
                                                   "name the ID, or who signed it: --signed-by KEY"};
}

Result<bool> is_part_shredded(BackupTarget& target, const BackupIndex& index, const Id& part) {
  const std::string name = backup_note_name(index.id, part);
  const auto note = target.get_small(name, kShreddedNoteSize);
  if (note.code() == Code::kNotFound) return false;
  if (!note.is_ok()) return note.status();
  COFFER_TRY(read_shredded_note(*note, index, part).status().with_context(target.describe() + ": " + name));
  return true;
}

Result<ReadPart> read_part(BackupTarget& target, const KeyringKey& backup_key, const BackupIndex& index,
                           const BackupPartEntry& entry) {
  const std::string name = backup_part_name(index.id, entry.id);
  COFFER_ASSIGN(const Bytes bytes, target.get_small(name, kBackupFileSizeMax));
  auto part = open_backup_part(backup_key, index, entry, bytes);
  if (!part.is_ok()) return part.status().with_context(target.describe() + ": " + name);
  COFFER_TRY(check_bodies(*part, index).with_context(target.describe() + ": " + name));
  COFFER_ASSIGN(FileStreamKey key, backup_files_key(backup_key, index.id, entry.id));
  return ReadPart{std::move(*part), std::move(key)};
}

Status check_together(const std::vector<ReadPart>& parts) {
  std::vector<StreamedFile> all;
  for (const ReadPart& part : parts) all.insert(all.end(), part.contents.files.begin(), part.contents.files.end());
  std::ranges::sort(all, {}, &StreamedFile::name);
  const std::string rule = broken_stream_rule(all);
  return rule.empty() ? Status::ok() : Status(Code::kTampered, "the backup's lists of files do not fit: " + rule);
}

Status not_as_backed_up(const BackupObject& object) {
  return {Code::kDamaged, backup_object_name(object.digest) + ": is not what was backed up: it was damaged, cut or "
                                                              "replaced where it is kept"};
}

Status read_body(BackupTarget& target, const BackupObject& object, const TakePiece& take) {
  Pieces pieces(object, take);
  COFFER_TRY(target.get(backup_object_name(object.digest), [&](ByteView bytes) { return pieces.add(bytes); })
                 .with_context(target.describe()));
  return pieces.finish();
}

}  // namespace coffer
