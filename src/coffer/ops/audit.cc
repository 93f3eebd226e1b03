#include "coffer/ops/audit.h"

namespace coffer {
namespace {

// Keyrings that are saved while the log is read, so often at most.
constexpr int kReadingsMax = 100;

}  // namespace

Result<AuditTrail> audit_trail(Coffer& coffer) {
  LiveKeyring& live = coffer.live_keyring();
  for (int reading = 0; reading < kReadingsMax; ++reading) {
    COFFER_TRY(live.refresh());
    const std::shared_ptr<const Keyring> keyring = live.snapshot();
    COFFER_ASSIGN(const Bytes log, live.audit_log());
    COFFER_TRY(live.refresh());
    // Else the log may say more than this keyring knows.
    if (live.snapshot()->version() == keyring->version()) return read_audit_log(log, *keyring);
  }
  return {Code::kConflict, "the keyring of " + coffer.directory() + " keeps changing; try again"};
}

}  // namespace coffer
