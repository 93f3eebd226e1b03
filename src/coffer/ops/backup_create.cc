#include "coffer/ops/backup_create.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "coffer/base/clock.h"
#include "coffer/crypto/random.h"
#include "coffer/ops/backup_bodies.h"
#include "coffer/ops/backup_marker.h"
#include "coffer/ops/backup_reading.h"
#include "coffer/ops/frozen_stores.h"
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

// Rounds before a store is frozen, and what is little enough to be read then.
constexpr int kLiveRoundsMax = 3;
constexpr uint64_t kFewBytes = uint64_t{64} << 20;

class BackupMaker {
 public:
  BackupMaker(Coffer& coffer, BackupTarget& target, const std::vector<std::string>& paths,
              const CreateBackupOptions& options, const Id& id, KeyringKey key)
      : coffer_(coffer),
        target_(target),
        paths_(paths),
        options_(options),
        key_(std::move(key)),
        bodies_(coffer.disk(), target, options.progress),
        leaving_(
            coffer, options.records, id,
            [this](const std::string& domain) -> Result<const FileStreamKey*> {
              COFFER_ASSIGN(PartBeingMade* part, part_of(domain));
              return &part->key;
            },
            options.freezer) {
    index_.id = id;
    index_.coffer_id = coffer.keyring()->coffer_id();
  }

  const Id& id() const { return index_.id; }

  // Before anything is written.
  Status collect() {
    COFFER_TRY(leaving_.collect(paths_, LeavingFiles::Stores::kChanging));
    // What is renamed meanwhile may be seen twice.
    return leaving_.served().empty() ? check_rules() : Status::ok();
  }

  // Everything that the target is to have but the index, of which this gives the digest.
  Result<Sha256> write(ProviderOpener opener) {
    // First what fails by a word of the operator's.
    COFFER_TRY(seal_lockbox(coffer_, opener, target_, id(), key_, options_.recipients));
    COFFER_ASSIGN(made_.recipients, recipients_of(target_, id()));
    COFFER_TRY(leaving_.served().empty() ? put_bodies(Files::kMustStay) : put_bodies_of_served());
    for (auto& [name, leaving] : leaving_.files()) COFFER_TRY(add_to_part(leaving));
    // Of domains that had files when they were looked at first.
    std::erase_if(parts_, [](const auto& part) { return part.second.contents.files.empty(); });
    for (auto& [domain, part] : parts_) COFFER_TRY(write_part(domain, part));
    if (leaving_.served().empty()) COFFER_TRY(leaving_.check_unchanged());
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
    made_.counts = bodies_.counts();
    made_.counts.files = leaving_.files().size();
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

  Status check_rules() {
    std::vector<StreamedFile> all;
    for (const auto& [name, leaving] : leaving_.files()) all.push_back(leaving.file);
    const std::string rule = broken_stream_rule(all);
    return rule.empty() ? Status::ok() : Status(Code::kInvalidArgument, "these files go in no backup: " + rule);
  }

  // kMayGo: those that change or go meanwhile are left to a later round.
  enum class Files { kMustStay, kMayGo };
  Status put_bodies(Files files, const FrozenStores* frozen = nullptr) {
    uint64_t to_do = 0;
    for (const auto& [name, leaving] : leaving_.files()) to_do += leaving.file.body_size;
    bodies_.begin_round(to_do);
    for (auto& [name, leaving] : leaving_.files()) {
      if (frozen != nullptr) COFFER_TRY(frozen->check());
      if (leaving.file.body_size == 0) continue;
      const auto digest = bodies_.put(leaving.path, leaving.info);
      if (!digest.is_ok() && files == Files::kMayGo && bodies_.has_lost_file()) continue;
      if (!digest.is_ok()) return digest.status();
      leaving.file.had = *digest;
      leaving.file.from = leaving.file.body_size;
    }
    return Status::ok();
  }

  uint64_t left_to_read() {
    uint64_t out = 0;
    for (const auto& [name, leaving] : leaving_.files()) {
      if (leaving.file.body_size > 0 && !bodies_.has(leaving.info)) out += leaving.file.body_size;
    }
    return out;
  }

  // First while changes go on, again and again as long as that leaves less to be read while none may.
  Status put_bodies_of_served() {
    uint64_t left = std::numeric_limits<uint64_t>::max();
    for (int round = 0; round < kLiveRoundsMax && left > kFewBytes; ++round) {
      COFFER_TRY(put_bodies(Files::kMayGo));
      COFFER_TRY(leaving_.collect(paths_, LeavingFiles::Stores::kChanging));
      const uint64_t before = std::exchange(left, left_to_read());
      if (left >= before) break;
    }
    FrozenStores frozen;
    const auto begun = std::chrono::steady_clock::now();
    COFFER_TRY(frozen.freeze(*options_.freezer, leaving_.served()));
    const Status put = put_while_frozen(frozen);
    // Where it was over too soon, that is why.
    COFFER_TRY(frozen.thaw());
    made_.frozen = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
    COFFER_TRY(put);
    return check_rules();
  }

  Status put_while_frozen(const FrozenStores& frozen) {
    COFFER_TRY(leaving_.collect(paths_, LeavingFiles::Stores::kStill));
    COFFER_TRY(frozen.check_all(leaving_.served()));
    COFFER_TRY(put_bodies(Files::kMustStay, &frozen));
    return leaving_.check_unchanged();
  }

  Status add_to_part(LeavingFile& leaving) {
    StreamedFile& file = leaving.file;
    COFFER_ASSIGN(PartBeingMade* part, part_of(file.empty ? domain_of_empty(leaving.path) : leaving.domain));
    if (file.body_size > 0) objects_[file.had] = file.body_size;
    for (uint32_t version = leaving.fields.oldest_key_version; !file.empty; ++version) {
      part->versions.insert(version);
      if (version >= leaving.fields.newest_key_version) break;
    }
    part->contents.files.push_back(std::move(file));
    return Status::ok();
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
  const std::vector<std::string>& paths_;
  const CreateBackupOptions& options_;
  const KeyringKey key_;
  BackupIndex index_;
  std::map<std::string, PartBeingMade> parts_;  // by their domains
  std::map<Sha256, uint64_t> objects_;
  BackupBodies bodies_;
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
  BackupMaker maker(coffer, *at.target, paths, options, id, std::move(key));
  COFFER_TRY(maker.collect());
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
