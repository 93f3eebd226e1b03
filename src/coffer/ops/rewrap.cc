#include "coffer/ops/rewrap.h"

#include <map>

#include "coffer/files/counted_file.h"

namespace coffer {
namespace {

// Files come and change while we work: what is seen unfinished at the end of a round is taken up by the next.
constexpr int kRoundsMax = 4;

bool both_slots_under(const DomainKeyEntry& active, const EnvelopeScan& scan) {
  return scan.fields.domain_key_id == active.id && scan.other && scan.other->domain_key_id == active.id;
}

// A round visits every file and replaces the slot that is not current where the current one is not under the active
// key; once that is durable it replaces the other one. A round that finds nothing to do is the proof that no slot of
// any file needs another key, whatever was interrupted earlier.
class Rewrapper {
 public:
  Rewrapper(Coffer& coffer, const RewrapOptions& options, const RewrapProgress& progress)
      : coffer_(coffer), options_(options), progress_(progress) {}

  Result<RewrapReport> run(const std::vector<std::string>& paths) {
    COFFER_TRY(coffer_.at_home());
    is_whole_ = paths.empty();
    COFFER_TRY(coffer_.live_keyring().refresh());
    COFFER_TRY(coffer_.renew_expired_keys());
    keyring_ = coffer_.keyring();
    if (!options_.domain.empty() && keyring_->find_domain(options_.domain) == nullptr) {
      return {Code::kNotFound, "no domain \"" + options_.domain + "\" in the keyring of " + coffer_.directory()};
    }
    for (round_ = 0; round_ < kRoundsMax; ++round_) {
      unfinished_.clear();
      FileTally tally(coffer_);
      COFFER_TRY(visit_files(coffer_, paths, [&](const InventoryFile& file) {
        tally.add(file);
        return visit(file);
      }));
      if (unfinished_.empty()) {
        if (is_whole_) keep(tally);
        return std::move(report_);
      }
      COFFER_TRY(finish_round());
    }
    for (const auto& [path, key] : unfinished_) {
      note(path, {Code::kConflict, path + ": its header keeps changing; repeat the rewrap"});
    }
    return std::move(report_);
  }

 private:
  void note(const std::string& path, const Status& status) {
    // Deleted meanwhile, or told in an earlier round.
    if (status.is_ok() || status.code() == Code::kNotFound || !troubled_.insert(path).second) return;
    report_.problems.push_back({path, status});
  }

  // The round that found nothing to do was a full count. For people only: where it cannot be kept, there is none.
  void keep(FileTally& tally) {
    [[maybe_unused]] const Status kept = coffer_.file_counts().keep(tally.result(), FileCounts::Keep::kIfMany);
  }

  Status visit(const InventoryFile& file) {
    if (file.empty || file.leads_outside || troubled_.contains(file.path)) return Status::ok();
    if (round_ == 0) ++report_.files;
    note(file.path, file.status.is_ok() ? begin(file) : file.status);
    if (round_ == 0 && progress_) progress_(report_);
    return Status::ok();
  }

  Status begin(const InventoryFile& file) {
    FoundKey found = keyring_->find_key(file.scan.fields.domain_key_id);
    if (found.entry == nullptr) {
      // Another process has rotated the domain since, and rewrapped this file.
      COFFER_TRY(coffer_.live_keyring().refresh_unless_just_failed());
      keyring_ = coffer_.keyring();
      found = keyring_->find_key(file.scan.fields.domain_key_id);
    }
    if (found.entry == nullptr) {
      return {Code::kKeyUnavailable, file.path + ": needs domain key " + file.scan.fields.domain_key_id.short_hex() +
                                         ", which is not in the keyring"};
    }
    if (!options_.domain.empty() && found.domain->name != options_.domain) return Status::ok();
    const DomainKeyEntry* active = present_key(*found.domain);
    if (active != nullptr && both_slots_under(*active, file.scan)) {
      if (round_ == 0) ++report_.current;
      return Status::ok();
    }
    // Where a rewrap was interrupted the current slot is under the active key, but perhaps not durable yet.
    RestingKey<FileRole> file_key;
    if (active != found.entry) {
      COFFER_ASSIGN(file_key, update_slot(file.path));
    }
    unfinished_.push_back({file.path, std::move(file_key)});
    if (round_ == 0) ++report_.rewrapped;
    return Status::ok();
  }

  const DomainKeyEntry* present_key(const Domain& domain) const {
    return coffer_.rollouts().present_key(*keyring_, domain);
  }

  // What stands in the other slots still needs the old keys. The new wrappings have to be durable before it goes.
  Status finish_round() {
    COFFER_TRY(make_durable());
    for (const auto& [path, key] : unfinished_) note(path, finish(path, key));
    return make_durable();
  }

  Status finish(const std::string& path, const RestingKey<FileRole>& key) {
    if (key.empty()) return update_slot(path).status();
    COFFER_ASSIGN(const FileKey file_key, key.open());
    COFFER_ASSIGN(const bool repeated, repeat(path, file_key));
    return repeated ? Status::ok() : update_slot(path).status();
  }

  // Has the other slot say what the current one does: to unwrap and to wrap once more is most of the work otherwise.
  // False where the current one is not what this rewrap has just made.
  Result<bool> repeat(const std::string& path, const FileKey& file_key) {
    COFFER_ASSIGN(auto lock, coffer_.lock_envelopes());
    COFFER_ASSIGN(auto file, coffer_.disk().open_write(path));
    COFFER_ASSIGN(const FileHead head, read_head(*file, path));
    if (!head.is(FileHead::What::kCoffer)) return false;
    const FoundKey found = keyring_->find_key(head.scan.fields.domain_key_id);
    if (found.domain == nullptr || present_key(*found.domain) != found.entry) return false;
    const auto update = repeat_slot(head.scan, file_key);
    if (!update.is_ok()) return false;
    const auto before = is_whole_ ? std::nullopt : counted_at(coffer_, path);
    COFFER_TRY(file->write_at(update->offset, update->bytes));
    COFFER_TRY(file->close());
    if (before) coffer_.file_counts().changed(before, counted_at(coffer_, path));
    return true;
  }

  // Brings the slot that is not current under the active key, and says what the file's key is; none where there was
  // nothing to do. Reads the header again under the lock: what the inventory saw may be gone, and a recycled file has
  // another key.
  Result<RestingKey<FileRole>> update_slot(const std::string& path) {
    COFFER_ASSIGN(auto lock, coffer_.lock_envelopes());
    const KeyringUsePtr use = coffer_.keyring_uses().begin();
    COFFER_ASSIGN(auto file, coffer_.disk().open_write(path));
    COFFER_ASSIGN(FileHead head, read_head(*file, path));
    COFFER_TRY(head.refusal);
    if (head.is(FileHead::What::kNothing)) return RestingKey<FileRole>();
    COFFER_ASSIGN(OpenedFile opened, coffer_.open_file(head.scan, path, IfLocked::kOpen));
    keyring_ = coffer_.keyring();  // opening may have taken up a newer one
    FoundKey found = keyring_->find_key(opened.fields.domain_key_id);
    const DomainKeyEntry* active = found.domain != nullptr ? present_key(*found.domain) : nullptr;
    if (active == nullptr) {
      return {Code::kKeyUnavailable, path + ": its domain has no active key; rotate the domain to get one"};
    }
    if (both_slots_under(*active, head.scan)) return RestingKey<FileRole>();
    EnvelopeFields fields = opened.fields;
    fields.domain_key_id = active->id;
    fields.domain_key_version = active->version;
    fields.keyring_version = keyring_->version();
    COFFER_ASSIGN(const DomainKey domain_key, keyring_->open_key({found.domain, active}));
    COFFER_ASSIGN(SlotUpdate update, seal_slot_update(head.scan, fields, domain_key, opened.file_key));
    const auto before = is_whole_ ? std::nullopt : counted_at(coffer_, path);
    COFFER_TRY(file->write_at(update.offset, update.bytes));
    coffer_.usage().counter(active->id)->sealed();
    COFFER_TRY(file->close());
    if (before) coffer_.file_counts().changed(before, counted_at(coffer_, path));
    return RestingKey<FileRole>::seal(opened.file_key);
  }

  // One call a file system.
  Status make_durable() {
    std::map<uint64_t, std::string> places;
    std::set<std::string> directories;
    for (const auto& [path, key] : unfinished_) directories.insert(path.substr(0, path.rfind('/') + 1));
    for (const std::string& directory : directories) {
      auto info = coffer_.disk().info(directory);
      if (info.code() == Code::kNotFound) continue;  // with all that was in it
      if (!info.is_ok()) return info.status();
      places.emplace(info->device, directory);
    }
    for (const auto& [device, directory] : places) COFFER_TRY(coffer_.disk().sync_all(directory));
    return Status::ok();
  }

  Coffer& coffer_;
  const RewrapOptions& options_;
  const RewrapProgress& progress_;
  std::shared_ptr<const Keyring> keyring_;
  RewrapReport report_;
  int round_ = 0;
  // Of this round, each with its key where it is known.
  std::vector<std::pair<std::string, RestingKey<FileRole>>> unfinished_;
  bool is_whole_ = false;  // all of the coffer's files are visited
  std::set<std::string> troubled_;
};

}  // namespace

Result<RewrapReport> rewrap(Coffer& coffer, const std::vector<std::string>& paths, const RewrapOptions& options,
                            const RewrapProgress& progress) {
  COFFER_TRY(coffer.live_keyring().may_change_files());
  return Rewrapper(coffer, options, progress).run(paths);
}

}  // namespace coffer
