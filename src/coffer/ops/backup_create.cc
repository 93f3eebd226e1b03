#include "coffer/ops/backup_create.h"

#include <algorithm>

#include "coffer/base/clock.h"
#include "coffer/crypto/random.h"
#include "coffer/ops/backup_marker.h"
#include "coffer/ops/backup_reading.h"
#include "coffer/ops/leaving.h"

namespace coffer {
namespace {

// Writes whose target it is, or finds that there. One that has backups of ours had it: its disk is not mounted.
Status mark_target(Coffer& coffer, const NamedBackupTarget& at) {
  const auto keys = coffer.keyring();
  const Id& ours = keys->coffer_id();
  const Status marked = check_backup_marker(*at.target, ours);
  if (marked.code() != Code::kNotFound) return marked;
  for (const ListedBackup& backup : keys->backups()) {
    if (backup.target == at.name && backup.state == BackupState::kWhole) return marked;
  }
  return at.target->put_small(std::string(kBackupMarkerName), as_bytes(format_backup_marker(ours)));
}

// What is of one domain.
struct PartBeingMade {
  Id id;
  FileStreamKey key;
  BackupPart contents;
  std::set<uint32_t> versions;  // of the domain's keys that may have protected a file of it
};

class BackupMaker {
 public:
  BackupMaker(Coffer& coffer, BackupTarget& target, const CreateBackupOptions& options, const Id& id, KeyringKey key)
      : coffer_(coffer),
        target_(target),
        options_(options),
        key_(std::move(key)),
        leaving_(coffer, options.records, id, [this](const std::string& domain) -> Result<const FileStreamKey*> {
          COFFER_ASSIGN(PartBeingMade* part, part_of(domain));
          return &part->key;
        }) {
    index_.id = id;
    index_.coffer_id = coffer.keyring()->coffer_id();
  }

  const Id& id() const { return index_.id; }

  // Before anything is written.
  Status collect(const std::vector<std::string>& paths) {
    COFFER_TRY(leaving_.collect(paths));
    std::vector<StreamedFile> all;
    for (auto& [name, leaving] : leaving_.files()) {
      all.push_back(leaving.file);
      ++made_.counts.files;
      made_.counts.to_do += leaving.file.body_size;
    }
    if (const std::string rule = broken_stream_rule(all); !rule.empty()) {
      return {Code::kInvalidArgument, "these files go in no backup: " + rule};
    }
    return Status::ok();
  }

  // Everything that the target is to have but the index, of which this gives the digest.
  Result<Sha256> write(ProviderOpener opener) {
    // First what fails by a word of the operator's.
    COFFER_TRY(seal_lockbox(coffer_, opener, target_, id(), key_, options_.recipients));
    COFFER_ASSIGN(made_.recipients, recipients_of(target_, id()));
    for (auto& [name, leaving] : leaving_.files()) COFFER_TRY(keep(leaving));
    for (auto& [domain, part] : parts_) COFFER_TRY(write_part(domain, part));
    COFFER_TRY(leaving_.check_unchanged());
    std::ranges::sort(index_.parts, {}, &BackupPartEntry::id);
    for (const auto& [digest, size] : objects_) index_.objects.push_back({digest, size});
    index_.made = now_seconds();
    const auto keys = coffer_.keyring();
    COFFER_ASSIGN(const Bytes bytes,
                  seal_backup_index(index_, key_, [&](ByteView message) { return keys->sign(message); }));
    COFFER_TRY(target_.put_small(backup_index_name(id()), bytes));
    return sha256(bytes);
  }

  // B8.
  Status finish(Keyring& keyring, const Sha256& index) const {
    for (const auto& [domain, part] : parts_) {
      const Domain* now = keyring.find_domain(domain);
      const uint32_t oldest = part.versions.empty() ? UINT32_MAX : *part.versions.begin();
      if (now != nullptr && now->shredded_through() < oldest) continue;
      return {Code::kConflict, "domain " + domain + " was shredded while it was backed up; begin anew, without it"};
    }
    return keyring.finish_backup(id(), index);
  }

  // What is left of it goes, the index first (B1).
  Status clear() {
    COFFER_TRY(target_.remove(backup_index_name(id())));
    COFFER_ASSIGN(const std::vector<std::string> names, target_.list(backup_directory(id())));
    for (const std::string& name : names) COFFER_TRY(target_.remove(name));
    return Status::ok();
  }

  MadeBackup made() {
    made_.id = id();
    for (const auto& [domain, part] : parts_) made_.domains.push_back(domain);
    return std::move(made_);
  }

 private:
  Result<PartBeingMade*> part_of(const std::string& domain) {
    auto found = parts_.find(domain);
    if (found == parts_.end()) {
      COFFER_ASSIGN(const Id part_id, backup_part_id(*coffer_.keyring(), id(), domain));
      COFFER_ASSIGN(FileStreamKey key, backup_files_key(key_, id(), part_id));
      PartBeingMade part{part_id, std::move(key), {}, {}};
      part.contents.domain = domain;
      found = parts_.emplace(domain, std::move(part)).first;
    }
    return &found->second;
  }

  // Of a file that no key protects: that of the files beside it, if there may be such.
  std::string domain_of_empty(const std::string& path) const {
    const auto keys = coffer_.keyring();
    std::string domain = coffer_.places().domain_of(path);
    const Domain* found = keys->find_domain(domain);
    return found != nullptr && found->active() != nullptr ? domain : std::string(kSystemDomain);
  }

  Status keep(LeavingFile& leaving) {
    StreamedFile& file = leaving.file;
    COFFER_ASSIGN(PartBeingMade* part, part_of(file.empty ? domain_of_empty(leaving.path) : leaving.domain));
    if (file.body_size > 0) COFFER_TRY(keep_body(leaving));
    for (uint32_t version = leaving.fields.oldest_key_version; !file.empty; ++version) {
      part->versions.insert(version);
      if (version >= leaving.fields.newest_key_version) break;
    }
    part->contents.files.push_back(std::move(file));
    return Status::ok();
  }

  // B5.
  Status keep_body(LeavingFile& leaving) {
    StreamedFile& file = leaving.file;
    COFFER_ASSIGN(const auto from, coffer_.disk().open_read(leaving.path));
    const auto digest = digest_of_body(*from, file.body_size);
    if (digest.code() == Code::kTruncated) return changed_meanwhile(leaving.path);
    if (!digest.is_ok()) return digest.status();
    file.had = *digest;
    file.from = file.body_size;
    objects_[*digest] = file.body_size;
    const std::string name = backup_object_name(*digest);
    COFFER_ASSIGN(const std::optional<uint64_t> there, target_.size_of(name));
    if (there == file.body_size) {
      made_.counts.left_out += file.body_size;
      if (options_.progress) options_.progress(made_.counts);
      return Status::ok();
    }
    return put_body(*from, leaving.path, file, name);
  }

  // Once more it is read, and kept only if it is the same.
  Status put_body(const ReadableFile& from, const std::string& path, const StreamedFile& file,
                  const std::string& name) {
    uint64_t at = 0;
    DigestOfPieces again;
    Bytes piece(kFileStreamChunkSize);
    size_t given = piece.size();  // of the piece
    size_t size = given;
    return target_.put(name, [&](MutableBytes out) -> Result<size_t> {
      if (given == size) {
        if (at == file.body_size) {
          COFFER_ASSIGN(const Sha256 digest, again.finish());
          return digest == file.had ? Result<size_t>(size_t{0}) : changed_meanwhile(path);
        }
        given = 0;
        size = std::min<uint64_t>(piece.size(), file.body_size - at);
        const MutableBytes next = MutableBytes(piece).first(size);
        COFFER_ASSIGN(const size_t count, from.read_at(kEnvelopeSize + at, next));
        if (count < size) return changed_meanwhile(path);
        COFFER_TRY(again.add(next));
        at += size;
        made_.counts.bytes += size;
        if (options_.progress) options_.progress(made_.counts);
      }
      const size_t count = std::min(out.size(), size - given);
      std::copy_n(piece.begin() + static_cast<ptrdiff_t>(given), count, out.begin());
      given += count;
      return count;
    });
  }

  Status write_part(const std::string& name, PartBeingMade& part) {
    const auto keys = coffer_.keyring();
    const Domain* domain = keys->find_domain(name);
    if (domain == nullptr) return {Code::kNotFound, "domain " + name + " is not in the keyring any more"};
    for (const DomainKeyEntry& key : domain->keys) {
      if (part.versions.contains(key.version)) part.contents.keys.push_back({key.id, key.version});
    }
    COFFER_ASSIGN(const Bytes bytes, seal_backup_part(key_, id(), part.id, part.contents));
    COFFER_TRY(target_.put_small(backup_part_name(id(), part.id), bytes));
    COFFER_ASSIGN(const Sha256 digest, sha256(bytes));
    index_.parts.push_back({part.id, bytes.size(), digest});
    return Status::ok();
  }

  Coffer& coffer_;
  BackupTarget& target_;
  const CreateBackupOptions& options_;
  const KeyringKey key_;
  BackupIndex index_;
  std::map<std::string, PartBeingMade> parts_;  // by their domains
  std::map<Sha256, uint64_t> objects_;
  LeavingFiles leaving_;
  MadeBackup made_;
};

// From the moment when the keyring lists it.
Status make_listed(Coffer& coffer, ProviderOpener opener, BackupMaker& maker) {
  COFFER_ASSIGN(const Sha256 index, maker.write(opener));
  return coffer.live_keyring().update([&](Keyring& keyring) { return maker.finish(keyring, index); });
}

Status forget_failed(Coffer& coffer, BackupMaker& maker) {
  COFFER_TRY(coffer.live_keyring().update([&](Keyring& keyring) { return keyring.begin_forgetting(maker.id()); }));
  COFFER_TRY(maker.clear());
  return coffer.live_keyring().update([&](Keyring& keyring) { return keyring.forget_backup(maker.id()); });
}

}  // namespace

Result<MadeBackup> create_backup(Coffer& coffer, ProviderOpener opener, const NamedBackupTarget& at,
                                 const std::vector<std::string>& paths, const CreateBackupOptions& options) {
  COFFER_TRY(coffer.at_home());
  COFFER_TRY(coffer.live_keyring().refresh());
  COFFER_TRY(coffer.keyring()->sign({}).status().with_context("no backup can be signed"));
  COFFER_ASSIGN(const Id id, random_id());
  COFFER_ASSIGN(KeyringKey key, random_key<KeyringRole>(kKeyringKeySize));
  BackupMaker maker(coffer, *at.target, options, id, std::move(key));
  COFFER_TRY(maker.collect(paths));
  COFFER_TRY(mark_target(coffer, at));
  COFFER_TRY(coffer.live_keyring().update(
      [&](Keyring& keyring) { return keyring.begin_backup(id, at.name, now_seconds()); }));
  const Status made = make_listed(coffer, opener, maker);
  if (made.is_ok()) return maker.made();
  const Status cleared = forget_failed(coffer, maker);
  if (cleared.is_ok()) return made;
  return {made.code(), std::string(made.message()) + " (and what is left of backup " + id.hex() +
                           " could not be cleared away: " + std::string(cleared.message()) +
                           "; coffer backup forget does)"};
}

}  // namespace coffer
