#include "coffer/ops/backup_restore.h"

#include <algorithm>

#include "coffer/base/clock.h"
#include "coffer/files/condemned_keys.h"
#include "coffer/ops/backup_contents.h"
#include "coffer/ops/new_store.h"

namespace coffer {
namespace {

// Parts that may be restored, and what is to be said of the others.
class Restorable {
 public:
  Restorable(Coffer& coffer, const RestoreOptions& options, RestoredBackup& out)
      : keys_(coffer.keyring()),
        compromised_(CondemnedKeys::due(*keys_, Policy{}, now_seconds())),
        options_(options),
        out_(out) {}

  Result<std::vector<ReadPart>> read(BackupTarget& target, const KeyringKey& key, const BackupIndex& index) {
    std::vector<ReadPart> parts;
    for (const BackupPartEntry& entry : index.parts) {
      COFFER_ASSIGN(const bool shredded, is_part_shredded(target, index, entry.id));
      if (shredded) {
        ++out_.shredded;
        continue;
      }
      COFFER_ASSIGN(ReadPart part, read_part(target, key, index, entry));
      COFFER_ASSIGN(const bool may, index.coffer_id == keys_->coffer_id() ? check_own(part.contents) : true);
      if (may) parts.push_back(std::move(part));
    }
    if (parts.empty()) return {Code::kNotFound, "all that was in backup " + index.id.hex() + " was shredded since"};
    COFFER_TRY(check_together(parts));
    return parts;
  }

 private:
  // Of this coffer's own domain. False: it was shredded.
  Result<bool> check_own(const BackupPart& part) {
    const Domain* domain = keys_->find_domain(part.domain);
    if (domain == nullptr) return true;
    const uint32_t shredded = domain->shredded_through();
    if (std::ranges::any_of(part.keys, [&](const BackupDomainKey& key) { return key.version <= shredded; })) {
      return ++out_.shredded, false;
    }
    if (domain->locked != 0) {
      return {Code::kKeyUnavailable, "domain " + part.domain + " is locked, and this backup has files of it; coffer "
                                                               "tenant unlock opens it again"};
    }
    for (const BackupDomainKey& key : part.keys) {
      const FoundKey found = keys_->find_key(key.id);
      if (found.entry == nullptr) continue;
      EnvelopeFields of_key;
      of_key.oldest_key_version = of_key.newest_key_version = static_cast<uint16_t>(found.entry->version);
      if (!compromised_.ever_protected(of_key, *found.domain)) continue;
      out_.compromised = true;
      if (options_.accept_compromised) continue;
      return {Code::kKeyUnavailable, "key " + part.domain + ":" + std::to_string(key.version) +
                                         ", which is compromised, has protected files of this backup; restore it with "
                                         "--accept-compromised, and then coffer reencrypt gives them other keys"};
    }
    return true;
  }

  const std::shared_ptr<const Keyring> keys_;
  const CondemnedKeys compromised_;
  const RestoreOptions& options_;
  RestoredBackup& out_;
};

// What a restore writes, one file after the other.
class Restorer {
 public:
  Restorer(BackupTarget& target, const RestoreOptions& options, StreamCounts& counts)
      : target_(target), options_(options), counts_(counts) {}

  void plan(const std::vector<ReadPart>& parts) {
    for (const ReadPart& part : parts) {
      for (const StreamedFile& file : part.contents.files) {
        ++counts_.files;
        counts_.to_do += file.body_size;
      }
    }
  }

  // The body behind a header that is made anew.
  Status restore(NewStore& store, const StreamedFile& from, const FileStreamKey& key, const std::string& domain) {
    StreamedFile file = from;
    file.from = from.body_size > 0 && store.arrival().has_body(from) ? from.body_size : 0;
    COFFER_ASSIGN(const auto out, store.open(file, key, domain));
    const TakePiece write = [&](uint64_t at, ByteView piece) -> Status {
      COFFER_TRY(out->write_at(kEnvelopeSize + at, piece));
      COFFER_TRY(out->write_back(kEnvelopeSize + at, piece.size(), false));
      return told(piece.size());
    };
    if (file.from > 0) {
      counts_.left_out += file.from;
    } else if (file.body_size > 0) {
      COFFER_TRY(read_body(target_, {file.had, file.body_size}, write));
    }
    return out->close();
  }

  Status restore_plain(Arrival& arrival, const StreamedFile& from, const FileStreamKey& key) {
    StreamedFile file = from;
    file.from = 0;
    COFFER_ASSIGN(const auto out, arrival.open(file));
    if (!file.empty) {
      COFFER_ASSIGN(const auto reader, open_backed_up(target_, from, key));
      for (uint64_t at = 0;;) {
        COFFER_ASSIGN(const ByteView piece, reader->next());
        if (piece.empty()) break;
        COFFER_TRY(out->write_at(at, piece));
        at += piece.size();
      }
      COFFER_TRY(told(file.body_size));
    }
    return out->close();
  }

 private:
  Status told(uint64_t bytes) {
    counts_.bytes += bytes;
    if (options_.progress) options_.progress(counts_);
    return Status::ok();
  }

  BackupTarget& target_;
  const RestoreOptions& options_;
  StreamCounts& counts_;
};

std::vector<StreamedFile> all_files(const std::vector<ReadPart>& parts) {
  std::vector<StreamedFile> out;
  for (const ReadPart& part : parts) out.insert(out.end(), part.contents.files.begin(), part.contents.files.end());
  return out;
}

// Whose keys protect what was of `domain`; empty: coffer.yaml says, by paths.
Result<std::string> domain_for(Coffer& coffer, const std::string& place, const std::string& domain,
                               const RestoreOptions& options) {
  std::string out = options.domain;
  if (out.empty() && coffer.keyring()->find_domain(domain) != nullptr) out = domain;
  COFFER_TRY(coffer.protecting_version(out.empty() ? coffer.places().domain_of(place + "/file") : out).status());
  return out;
}

Status restore_sealed(Coffer& coffer, const std::string& place, const std::vector<ReadPart>& parts,
                      const RestoreOptions& options, Restorer& restorer) {
  std::vector<std::string> domains;
  for (const ReadPart& part : parts) {
    COFFER_ASSIGN(std::string domain, domain_for(coffer, place, part.contents.domain, options));
    domains.push_back(std::move(domain));
  }
  const std::vector<StreamedFile> files = all_files(parts);
  COFFER_ASSIGN(NewStore store, NewStore::begin(coffer, place));
  COFFER_TRY(store.arrival().keep_only(files));
  for (size_t i = 0; i < parts.size(); ++i) {
    for (const StreamedFile& file : parts[i].contents.files) {
      COFFER_TRY(restorer.restore(store, file, parts[i].key, domains[i]).with_context(file.name));
    }
  }
  return store.finish(files);
}

Status restore_plain(Coffer& coffer, const std::string& place, const std::vector<ReadPart>& parts,
                     Restorer& restorer) {
  const auto keys = coffer.keyring();
  if (const StoreEntry* store = coffer.places().of_directory(*keys, place).store) {
    return {Code::kInvalidArgument, place + ": is in the store " + store->path + ", where nothing may be in clear; "
                                                                                 "restore to another place"};
  }
  COFFER_ASSIGN(Arrival arrival, Arrival::begin(coffer.disk(), place));
  COFFER_TRY(arrival.keep_only(all_files(parts)));
  for (const ReadPart& part : parts) {
    for (const StreamedFile& file : part.contents.files) {
      COFFER_TRY(restorer.restore_plain(arrival, file, part.key).with_context(file.name));
    }
  }
  return arrival.finish();
}

}  // namespace

Result<RestoredBackup> restore_backup(Coffer& coffer, ProviderOpener opener, BackupTarget& target, const Id& backup,
                                      const std::string& directory, const RestoreOptions& options) {
  COFFER_TRY(coffer.at_home());
  COFFER_TRY(coffer.live_keyring().refresh());
  COFFER_ASSIGN(const ReadIndex read, read_index_of(target, backup));
  COFFER_TRY(check_trust(coffer, read, options.signed_by));
  COFFER_ASSIGN(const std::string place, NewStore::place_of(coffer, directory));
  COFFER_ASSIGN(const KeyringKey key, open_lockbox(coffer, opener, target, backup, options.open_with));
  COFFER_TRY(check_backup_key(read.bytes, key));
  RestoredBackup out;
  out.made = read.index.made;
  COFFER_ASSIGN(const std::vector<ReadPart> parts, Restorable(coffer, options, out).read(target, key, read.index));
  for (const ReadPart& part : parts) out.domains.push_back(part.contents.domain);
  std::ranges::sort(out.domains);
  Restorer restorer(target, options, out.counts);
  restorer.plan(parts);
  const Status done = options.plaintext ? restore_plain(coffer, place, parts, restorer)
                                        : restore_sealed(coffer, place, parts, options, restorer);
  if (!done.is_ok()) return NewStore::explained(coffer, place, done);
  return out;
}

}  // namespace coffer
