// The overview, for machines.
#include <algorithm>

#include "coffer/ops/overview.h"
#include "coffer/version.h"

namespace coffer {
namespace {

Json time_json(uint64_t time) { return time == 0 ? Json(nullptr) : Json(time); }

Json error_json(const Status& status) { return status.is_ok() ? Json(nullptr) : Json(status.to_string()); }

}  // namespace

Json overview_json(const Overview& overview) {
  const Findings troubles = troubles_of(overview);
  const Examined& examined = overview.examined;
  const bool known = overview.opened.is_ok() && overview.report.is_ok();
  return {{"version", kVersion},
          {"coffer", overview.place},
          {"machine", overview.machine},
          {"at", time_json(overview.at)},
          {"open", overview.opened.is_ok()},
          {"well", known && std::ranges::none_of(troubles, &Finding::wrong)},
          {"problems", findings_json(troubles)},
          {"policy",
           {{"at", time_json(overview.policy.at)},
            {"error", error_json(overview.policy.found)},
            {"done", overview.policy.done}}},
          {"doctor",
           {{"at", time_json(examined.at)},
            {"error", error_json(examined.findings.status())},
            {"findings", findings_json(examined.findings.is_ok() ? *examined.findings : Findings())}}},
          {"audit",
           {{"records", examined.audit_head.count},
            {"head", examined.at == 0 ? Json(nullptr) : Json(to_hex(examined.audit_head.mac))},
            {"problems", examined.audit_wrong.is_ok() ? Json(*examined.audit_wrong) : Json(nullptr)}}},
          {"status", overview.status}};
}

}  // namespace coffer
