#include "coffer/ops/rewrap.h"

#include <set>

#include "coffer/files/file_head.h"

namespace coffer {
namespace {

class Rewrapper {
 public:
  Rewrapper(Coffer& coffer, const RewrapOptions& options, const RewrapProgress& progress)
      : coffer_(coffer), options_(options), progress_(progress) {}

  Result<RewrapReport> run(const std::vector<std::string>& paths) {
    COFFER_TRY(coffer_.live_keyring().refresh());
    keyring_ = coffer_.keyring();
    if (!options_.domain.empty() && keyring_->find_domain(options_.domain) == nullptr) {
      return {Code::kNotFound, "no domain \"" + options_.domain + "\" in the keyring of " + coffer_.directory()};
    }
    COFFER_TRY(visit_files(coffer_, paths, [&](const InventoryFile& file) { return visit(file); }));
    COFFER_TRY(make_durable());
    COFFER_TRY(replace_second_slots());
    return std::move(report_);
  }

 private:
  Status visit(const InventoryFile& file) {
    if (file.empty) return Status::ok();
    ++report_.files;
    Status status = file.status.is_ok() ? rewrap_one(file) : file.status;
    if (!status.is_ok() && status.code() != Code::kNotFound) report_.problems.push_back({file.path, status});
    if (progress_) progress_(report_);
    return Status::ok();
  }

  Status rewrap_one(const InventoryFile& file) {
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
    const bool both_slots_fine =
        file.scan.slots[0] == SlotState::kReadable && file.scan.slots[1] == SlotState::kReadable;
    if (found.domain->active() == found.entry && both_slots_fine) {
      ++report_.current;
      return Status::ok();
    }
    const bool compromised = found.entry->state == KeyState::kCompromised;
    COFFER_TRY(update_slot(file.path));
    if (compromised) second_slots_.push_back(file.path);
    directories_.insert(file.path.substr(0, file.path.rfind('/') + 1));
    ++report_.rewrapped;
    return Status::ok();
  }

  // Reads the header again under the lock: what the inventory saw may be gone, and a recycled file has another key.
  Status update_slot(const std::string& path) {
    COFFER_ASSIGN(auto lock, coffer_.lock_envelopes());
    COFFER_ASSIGN(auto file, coffer_.disk().open_write(path));
    COFFER_ASSIGN(FileHead head, read_head(*file, path));
    COFFER_TRY(head.refusal);
    if (head.is(FileHead::What::kNothing)) return Status::ok();
    COFFER_ASSIGN(OpenedFile opened, coffer_.open_file(head.scan, path));
    keyring_ = coffer_.keyring();  // opening may have taken up a newer one
    FoundKey found = keyring_->find_key(opened.fields.domain_key_id);
    const DomainKeyEntry* active = found.domain != nullptr ? found.domain->active() : nullptr;
    if (active == nullptr) {
      return {Code::kKeyUnavailable, path + ": its domain has no active key; rotate the domain to get one"};
    }
    EnvelopeFields fields = opened.fields;
    fields.domain_key_id = active->id;
    fields.domain_key_version = active->version;
    fields.keyring_version = keyring_->version();
    COFFER_ASSIGN(SlotUpdate update, seal_slot_update(head.scan, fields, active->key, opened.file_key));
    COFFER_TRY(file->write_at(update.offset, update.bytes));
    return file->close();
  }

  Status make_durable() {
    for (const std::string& directory : directories_) {
      COFFER_TRY(coffer_.disk().sync_all(directory));
      // One call covers the file system; the others only repeat it unless they are mounted elsewhere.
    }
    return Status::ok();
  }

  // The slots that still hold a wrapping by a compromised key, now that the new ones are durable.
  Status replace_second_slots() {
    for (const std::string& path : second_slots_) {
      Status status = update_slot(path);
      if (!status.is_ok() && status.code() != Code::kNotFound) report_.problems.push_back({path, status});
    }
    return second_slots_.empty() ? Status::ok() : make_durable();
  }

  Coffer& coffer_;
  const RewrapOptions& options_;
  const RewrapProgress& progress_;
  std::shared_ptr<const Keyring> keyring_;
  RewrapReport report_;
  std::vector<std::string> second_slots_;
  std::set<std::string> directories_;
};

}  // namespace

Result<RewrapReport> rewrap(Coffer& coffer, const std::vector<std::string>& paths, const RewrapOptions& options,
                            const RewrapProgress& progress) {
  return Rewrapper(coffer, options, progress).run(paths);
}

}  // namespace coffer
