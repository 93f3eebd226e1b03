// Backups: bodies as they lie on disk, named by their contents, and a signed index, beside what only a backup's own key
// opens. docs/format.md, "Backups"; B1 to B8, which code and tests cite, are the invariants of that section.
// Thread-safe.
#pragma once

#include <functional>

#include "coffer/format/file_stream.h"

namespace coffer {

inline constexpr size_t kBackupFileSizeMax = size_t{1} << 28;  // of an index, or a part
inline constexpr size_t kBackupMarkerSizeMax = 256;

// The text that says whose backups a target keeps.
std::string format_backup_marker(const Id& coffer_id);
// kPlaintext for what is none, kTruncated for the beginning of one, kUnsupported for that of a newer Coffer.
Result<Id> parse_backup_marker(std::string_view text);

// The bytes of a file behind its envelope.
struct BackupObject {
  Sha256 digest{};    // DigestOfPieces
  uint64_t size = 0;  // at least 1
  bool operator==(const BackupObject&) const = default;
};

// Of one domain's files.
struct BackupPartEntry {
  Id id;
  uint64_t size = 0;
  Sha256 digest{};  // SHA-256 of its file
  bool operator==(const BackupPartEntry&) const = default;
};

// What makes a backup exist: all that it consists of, in clear, without any name.
struct BackupIndex {
  Id id;
  Id coffer_id;
  uint64_t made = 0;  // Unix seconds
  std::vector<BackupPartEntry> parts;   // in the order of their ids
  std::vector<BackupObject> objects;    // in the order of their digests
  SignaturePublicKey signer{};

  const BackupPartEntry* find_part(const Id& part) const;
  const BackupObject* find_object(const Sha256& digest) const;
};

// Ed25519, by the coffer's own key.
using BackupSigner = std::function<Result<Signed>(ByteView message)>;

// `index.signer` is who signs. kInvalidArgument for what breaks a rule, kLimitExceeded for too much of it; errors as
// those of `sign`.
Result<Bytes> seal_backup_index(const BackupIndex& index, const KeyringKey& backup_key, const BackupSigner& sign);
// As its signer signed it: who that is, and whether he is trusted, is for the caller to ask. kPlaintext for what is no
// index, kTruncated for the beginning of one, kUnsupported for one of a newer Coffer, kTampered for what its signer did
// not sign.
Result<BackupIndex> read_backup_index(ByteView bytes);
// kWrongKey unless this is the key of the backup that the index is of (B3). REQUIRES: read_backup_index(bytes) is ok
Status check_backup_key(ByteView bytes, const KeyringKey& backup_key);

// A domain key that may have protected files of a part before they were backed up.
struct BackupDomainKey {
  Id id;
  uint32_t version = 0;  // within its domain
  bool operator==(const BackupDomainKey&) const = default;
};

struct BackupPart {
  std::string domain;
  std::vector<BackupDomainKey> keys;  // in the order of their versions
  std::vector<StreamedFile> files;    // all of each body is "there already"
};

// Wraps the file keys of one part, where the backup's id is the stream's.
Result<FileStreamKey> backup_files_key(const KeyringKey& backup_key, const Id& backup, const Id& part);
// kInvalidArgument and kLimitExceeded as write_stream_manifest(). REQUIRES: it is called once for a part of a backup
Result<Bytes> seal_backup_part(const KeyringKey& backup_key, const Id& backup, const Id& part,
                               const BackupPart& contents);
// kDamaged where the bytes are not those that the index names (B2); kTampered where they are, and no Coffer wrote them;
// kUnsupported.
Result<BackupPart> open_backup_part(const KeyringKey& backup_key, const BackupIndex& index,
                                    const BackupPartEntry& entry, ByteView bytes);

// In the place of a part whose domain was shredded at this time (Unix seconds), by who signed the backup's index.
// Errors as those of `sign`.
inline constexpr size_t kShreddedNoteSize = 120;
Result<Bytes> seal_shredded_note(const Id& backup, const Id& part, uint64_t now, const BackupSigner& sign);
// When it was shredded. kTampered for what the index's signer did not sign of this part; kUnsupported.
Result<uint64_t> read_shredded_note(ByteView note, const BackupIndex& index, const Id& part);

}  // namespace coffer
