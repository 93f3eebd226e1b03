// The audit log of an open coffer: docs/keys.md, "Audit".
#pragma once

#include "coffer/keys/audit_log.h"
#include "coffer/store/coffer.h"

namespace coffer {

// What it says, and what is wrong with it, by the keyring as it is now: takes up a newer one first. `archived`: what
// stood before it, as archive_audit_log() wrote it.
Result<AuditTrail> audit_trail(Coffer& coffer, ByteView archived = {});
// To a new file, and out of the coffer, which keeps a line that says so. Again after a crash, with another file.
// Errors as LiveKeyring::archive_audit_log(); kAlreadyExists: the file.
Status archive_audit_log(Coffer& coffer, const std::string& file);
// Empty while there is room; else how large it is, of how much, and what to do.
std::string audit_log_warning(const Coffer& coffer);

}  // namespace coffer
