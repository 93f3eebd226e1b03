#include "coffer/ops/audit.h"

#include "coffer/base/text.h"
#include "coffer/keys/audit_file.h"

namespace coffer {
namespace {

// Keyrings that are saved while the log is read, so often at most.
constexpr int kReadingsMax = 100;

}  // namespace

Result<AuditTrail> audit_trail(Coffer& coffer, ByteView archived) {
  LiveKeyring& live = coffer.live_keyring();
  for (int reading = 0; reading < kReadingsMax; ++reading) {
    COFFER_TRY(live.refresh());
    const std::shared_ptr<const Keyring> keyring = live.snapshot();
    Bytes log(archived.begin(), archived.end());
    COFFER_ASSIGN(const Bytes present, live.audit_log());
    log.insert(log.end(), present.begin(), present.end());
    COFFER_TRY(live.refresh());
    // Else the log may say more than this keyring knows.
    if (live.snapshot()->version() == keyring->version()) return read_audit_log(log, *keyring);
  }
  return {Code::kConflict, "the keyring of " + coffer.directory() + " keeps changing; try again"};
}

Status archive_audit_log(Coffer& coffer, const std::string& file) {
  const auto keep = [&](ByteView log) { return create_file(coffer.disk(), file, log, kAuditFileMode); };
  const std::string note = "the audit log before this line was archived in " + printable(file);
  return coffer.live_keyring().archive_audit_log(keep, note);
}

std::string audit_log_warning(const Coffer& coffer) {
  const auto size = coffer.live_keyring().audit_log_size();
  if (!size.is_ok() || size->bytes < size->bytes_max / 2) return "";
  return "the audit log has " + std::to_string(size->bytes >> 20) + " MiB of the " +
         std::to_string(size->bytes_max >> 20) + " it can have; at three quarters no key can be changed any more";
}

}  // namespace coffer
