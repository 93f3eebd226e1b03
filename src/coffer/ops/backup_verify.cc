#include "coffer/ops/backup_verify.h"

#include <set>

#include "coffer/ops/backup_contents.h"

namespace coffer {
namespace {

// Whether anybody could open it, as far as that shows without a key.
void look_at_recipients(BackupTarget& target, const BackupIndex& index, VerifiedBackup& out) {
  const auto recipients = recipients_of(target, index.id);
  if (recipients.is_ok() && recipients->size() >= kRecipientCountMin) return;
  const Status few = {Code::kNotFound, "it has fewer than two recipients, and had more; whoever opens it yet can add "
                                       "some: coffer backup add-recipient"};
  out.problems.push_back({backup_directory(index.id), recipients.is_ok() ? few : recipients.status()});
}

VerifiedBackup begin_of(BackupTarget& target, const ReadIndex& read) {
  VerifiedBackup out;
  look_at_recipients(target, read.index, out);
  out.signer = read.index.signer;
  out.made = read.index.made;
  out.parts = read.index.parts.size();
  for (const BackupObject& object : read.index.objects) out.counts.to_do += object.size;
  return out;
}

// The bytes of a part, by the index's digest.
Status check_part(BackupTarget& target, const BackupIndex& index, const BackupPartEntry& entry) {
  COFFER_ASSIGN(const Bytes bytes, target.get_small(backup_part_name(index.id, entry.id), kBackupFileSizeMax));
  COFFER_ASSIGN(const Sha256 digest, sha256(bytes));
  if (bytes.size() == entry.size && digest == entry.digest) return Status::ok();
  return {Code::kDamaged, "it is not what the backup's index names: it was damaged or replaced where it is kept"};
}

// Reads a file to its end.
Status read_through(BackupTarget& target, const StreamedFile& file, const FileStreamKey& key, EngineRole role) {
  COFFER_ASSIGN(const auto reader, open_backed_up(target, file, key, role));
  for (;;) {
    COFFER_ASSIGN(const ByteView piece, reader->next());
    if (piece.empty()) break;
  }
  return check_finished(reader->findings(), reader->fields().kind, role, file.name);
}

class ContentsVerifier {
 public:
  ContentsVerifier(BackupTarget& target, const ReadIndex& read, const ContentsOptions& options, const KeyringKey& key)
      : target_(target), index_(read.index), options_(options), key_(key), out_(begin_of(target, read)) {}

  Result<VerifiedBackup> run() {
    std::vector<ReadPart> parts;
    for (const BackupPartEntry& entry : index_.parts) {
      const auto shredded = is_part_shredded(target_, index_, entry.id);
      if (!shredded.is_ok()) {
        add(backup_note_name(index_.id, entry.id), shredded.status());
      } else if (*shredded) {
        ++out_.shredded;
      } else if (auto part = read_part(target_, key_, index_, entry); part.is_ok()) {
        parts.push_back(std::move(*part));
      } else {
        add(backup_part_name(index_.id, entry.id), part.status());
      }
    }
    if (const Status together = check_together(parts); !together.is_ok()) {
      add(backup_index_name(index_.id), together);
    }
    for (const ReadPart& part : parts) {
      for (const StreamedFile& file : part.contents.files) look_at(file, part.key);
    }
    look_at_others(parts);
    return std::move(out_);
  }

 private:
  void add(std::string name, Status status) { out_.problems.push_back({std::move(name), std::move(status)}); }

  void look_at(const StreamedFile& file, const FileStreamKey& key) {
    ++out_.counts.files;
    if (file.empty) return;
    const EngineRole role = options_.role_of != nullptr ? options_.role_of(file.name) : EngineRole::kOther;
    if (const Status status = read_through(target_, file, key, role); !status.is_ok()) add(file.name, status);
    told(file.body_size);
  }

  // Bodies of parts that were shredded, or cannot be read: their contents nobody knows.
  void look_at_others(const std::vector<ReadPart>& parts) {
    std::set<Sha256> seen;
    for (const ReadPart& part : parts) {
      for (const StreamedFile& file : part.contents.files) seen.insert(file.had);
    }
    for (const BackupObject& object : index_.objects) {
      if (seen.contains(object.digest)) continue;
      const Status status = read_body(target_, object, [](uint64_t, ByteView) { return Status::ok(); });
      if (!status.is_ok()) add(backup_object_name(object.digest), status);
      told(object.size);
    }
  }

  void told(uint64_t bytes) {
    out_.counts.bytes += bytes;
    if (options_.progress) options_.progress(out_.counts);
  }

  BackupTarget& target_;
  const BackupIndex& index_;
  const ContentsOptions& options_;
  const KeyringKey& key_;
  VerifiedBackup out_;
};

}  // namespace

Result<VerifiedBackup> verify_complete(BackupTarget& target, const ReadIndex& read, const StreamProgress& progress) {
  VerifiedBackup out = begin_of(target, read);
  const auto check = [&](const std::string& name, const Status& status) {
    if (!status.is_ok()) out.problems.push_back({name, status});
  };
  for (const BackupPartEntry& entry : read.index.parts) {
    const auto shredded = is_part_shredded(target, read.index, entry.id);
    if (shredded.is_ok() && *shredded) {
      ++out.shredded;
      continue;
    }
    check(backup_note_name(read.index.id, entry.id), shredded.is_ok() ? Status::ok() : shredded.status());
    check(backup_part_name(read.index.id, entry.id), check_part(target, read.index, entry));
  }
  for (const BackupObject& object : read.index.objects) {
    check(backup_object_name(object.digest), read_body(target, object, [&](uint64_t, ByteView piece) {
            out.counts.bytes += piece.size();
            if (progress) progress(out.counts);
            return Status::ok();
          }));
  }
  return out;
}

Result<VerifiedBackup> verify_contents(Coffer& coffer, ProviderOpener opener, BackupTarget& target,
                                       const ReadIndex& read, const ContentsOptions& options) {
  COFFER_ASSIGN(const KeyringKey key, open_lockbox(coffer, opener, target, read.index.id, options.open_with));
  COFFER_TRY(check_backup_key(read.bytes, key));
  return ContentsVerifier(target, read, options, key).run();
}

}  // namespace coffer
