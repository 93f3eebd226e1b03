// LiveKeyring: how large its audit log may get, and what is archived of it.
#include "coffer/keys/audit_log.h"
#include "coffer/keys/live_keyring.h"

namespace coffer {
namespace {

// Keyrings that are saved while the log is read, or cut, so often at most.
constexpr int kArchiveTriesMax = 100;

}  // namespace

Status LiveKeyring::check_audit_room() const {
  COFFER_ASSIGN(const KeyringStore::AuditLogSize size, store_->audit_log_size());
  if (size.bytes < size.bytes_max / 4 * 3) return Status::ok();
  return {Code::kLimitExceeded, "the audit log of " + store_->name() + " has " + std::to_string(size.bytes >> 20) +
                                    " MiB, of which " + std::to_string(size.bytes_max >> 20) +
                                    " can be read, and what is done to keys is not done without a line in it; coffer "
                                    "audit archive COFFER FILE makes room"};
}

Status LiveKeyring::archive_audit_log(const std::function<Status(ByteView log)>& keep, std::string_view note) {
  COFFER_TRY(here_.usable());
  COFFER_TRY(may_change_files());
  std::lock_guard turn(turn_);
  Bytes log;
  AuditHead head;
  for (int tries = 0; head.count == 0; ++tries) {
    if (tries == kArchiveTriesMax) return {Code::kConflict, "the keyring " + store_->name() + " keeps changing"};
    COFFER_TRY(reload(Unlocking::kNow).status());
    const uint64_t version = in_use_.keyring->version();
    COFFER_ASSIGN(log, store_->load_audit_log());
    log.resize(whole_audit_lines(log).size());
    COFFER_TRY(reload(Unlocking::kNow).status());
    // Else the log may say more than the keyring knew.
    if (version != in_use_.keyring->version()) continue;
    COFFER_ASSIGN(const AuditTrail trail, read_audit_log(log, *in_use_.keyring));
    if (!trail.wrong.empty() || trail.records.empty()) {
      return {Code::kTampered, "the audit log of " + store_->name() + ": " +
                                   (trail.wrong.empty() ? "there is none" : trail.wrong.front().what) +
                                   "; coffer audit verify says which line; nothing was archived"};
    }
    head = in_use_.keyring->audit_head();
  }
  COFFER_TRY(keep(log));
  const auto make = [&](const KeyringHeader& current) -> Result<Successor> {
    COFFER_ASSIGN(KeyringKey key, in_use_.key.open());
    return Successor{*in_use_.keyring, current.slots, std::move(key)};
  };
  COFFER_TRY(replace(make, note, head));
  Status cut;
  int tries = 0;
  do {
    cut = store_->cut_audit_log(log);
  } while (cut.code() == Code::kConflict && ++tries < kArchiveTriesMax);
  return cut;
}

}  // namespace coffer
