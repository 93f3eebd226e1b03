// Reading a backup: its index, by whose word it is believed, and its parts, which only its key opens.
// docs/format.md, "Backups".
#pragma once

#include "coffer/ops/lockbox.h"

namespace coffer {

// A backup's index, as its signer signed it.
struct ReadIndex {
  BackupIndex index;
  Bytes bytes;
};
// kNotFound: there is no such backup; else as read_backup_index(). Whoever signed it.
Result<ReadIndex> read_index_of(BackupTarget& target, const Id& backup);

// Those that have an index at the target, whoever made them.
Result<std::vector<Id>> backups_at(BackupTarget& target);

// Whose word an operator takes, besides that of the coffer; nullopt: nobody's.
using TrustedSigner = std::optional<SignaturePublicKey>;

// Ok, or why nothing may be done by this index (B4): kPermissionDenied: another coffer signed it, or another one than
// the operator says; kNotFound: this coffer has it as one that was never finished, or is being forgotten; kRolledBack:
// as another one than this. kUnsupported where this OpenSSL has no Ed25519.
Status check_trust(const Coffer& coffer, const ReadIndex& read, const TrustedSigner& signed_by);

// The newest at a target: of those that the coffer lists as whole there; with `signed_by`, of those at the target that
// are trusted, by what they say themselves. kNotFound.
Result<Id> newest_backup(const Coffer& coffer, const NamedBackupTarget& at, const TrustedSigner& signed_by);

// Whether the coffer that made it has shredded this part's domain since, by its note. Errors as read_shredded_note().
Result<bool> is_part_shredded(BackupTarget& target, const BackupIndex& index, const Id& part);

struct ReadPart {
  BackupPart contents;
  FileStreamKey key;  // of its records
};
// Names the part in errors: kNotFound; else as open_backup_part(), and kTampered where it names a body that the index
// does not.
Result<ReadPart> read_part(BackupTarget& target, const KeyringKey& backup_key, const BackupIndex& index,
                           const BackupPartEntry& entry);

// kTampered where the lists of several parts break a rule together.
Status check_together(const std::vector<ReadPart>& parts);

// What is said of an object with other bytes than it had.
Status not_as_backed_up(const BackupObject& object);

// Hands over all bytes of a file's body in order, in pieces of kFileStreamChunkSize and a last one. kNotFound, or
// kDamaged, naming the object: it is not what was backed up. Of that, pieces may have been handed over (B2).
using TakePiece = std::function<Status(uint64_t offset, ByteView piece)>;
Status read_body(BackupTarget& target, const BackupObject& object, const TakePiece& take);

}  // namespace coffer
