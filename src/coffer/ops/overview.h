// How a coffer stands at one moment, for those who watch it from outside: what `coffer agent --listen` serves, and what
// is made of it for Prometheus, for machines and, by the page, for people. docs/monitoring.md.
#pragma once

#include "coffer/keys/audit_log.h"
#include "coffer/ops/doctor.h"
#include "coffer/ops/status_report.h"

namespace coffer {

// What the agent did for the policy.
struct PolicyLook {
  uint64_t at = 0;  // Unix seconds of the end of its last look; 0: there was none yet
  Status found;     // ok, or why not everything that is due was done
  uint64_t done = 0;
};

// What is looked at less often than the rest.
struct Examined {
  uint64_t at = 0;  // Unix seconds; 0: not yet
  Result<Findings> findings = Findings();
  NodeSlots node_slots = std::optional<NodeSlotStanding>();
  // Of the audit log: its head by the keyring, and what is wrong with it.
  AuditHead audit_head;
  Result<size_t> audit_wrong = size_t{0};
};

struct Overview {
  std::string place;  // the coffer, as it was named
  std::string machine;
  uint64_t at = 0;  // Unix seconds
  double took_seconds = 0;
  Status opened;  // not ok: nothing else is known
  // Not ok: the files could not be looked at, or what was recorded of them.
  Result<StatusReport> report = Status(Code::kNotFound, "nothing was looked at yet");
  // status_json() of it, without options of URIs: a secret may stand there by mistake. Made with it, as describing a
  // root key opens its provider; null without it.
  Json status;
  KeyringCondition condition;
  std::string key_metrics;  // prometheus_text()
  Examined examined;
  PolicyLook policy;
  Status certificate;  // not ok: why what stands in its file now is not what the page is served with
};

// Of a coffer whose root key this process watches: asks no provider, and reads every file's header only where `coffer
// status` does. Fills `condition`, `report`, `status`, `key_metrics`, `at` and
// `took_seconds`; of `examined`, which is there before, node slots are in the report.
void look_at(Coffer& coffer, Overview& out);
// The rest of doctor's questions, and the whole audit log.
Examined examine_for_overview(Coffer& coffer);

// All that is not as it should be, what is wrong first: empty where all is well. One list for the page, for machines
// and for alerts.
Findings troubles_of(const Overview& overview);

// In Prometheus' text format. Files by domain and key are left out where there are more domains than this.
inline constexpr size_t kDomainsMeasuredMax = 2000;
std::string overview_metrics(const Overview& overview);
Json overview_json(const Overview& overview);

}  // namespace coffer
