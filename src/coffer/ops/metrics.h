// What a monitoring system wants to know of a coffer's keys. docs/operating.md, "Metrics".
#pragma once

#include "coffer/store/coffer.h"

namespace coffer {

// What the policy leaves of an active key's life; nothing where it has no such limit.
struct KeyBudget {
  std::optional<uint64_t> seconds, seals, bytes;
  std::optional<uint64_t> percent;  // of the limit that is nearest, rounded down
};
KeyBudget budget_left(const DomainKeyEntry& key, const KeyPolicy& policy, const KeyCounts& counts, uint64_t now);

// In Prometheus' text format (version 0.0.4): the keyring and its root key as `condition` has them, and each key that
// is active, or under which something was written and that is not destroyed. Reads no store, asks no provider. Errors
// as KeyUsage::total().
Result<std::string> prometheus_text(Coffer& coffer, const KeyringCondition& condition);

}  // namespace coffer
