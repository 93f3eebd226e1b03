// The audit log of an open coffer: docs/keys.md, "Audit".
#pragma once

#include "coffer/keys/audit_log.h"
#include "coffer/store/coffer.h"

namespace coffer {

// What it says, and what is wrong with it, by the keyring as it is now: takes up a newer one first.
Result<AuditTrail> audit_trail(Coffer& coffer);

}  // namespace coffer
