#include "coffer/ops/overview.h"

#include <chrono>

#include "coffer/base/clock.h"
#include "coffer/ops/audit.h"

namespace coffer {
namespace {

Json status_without_options(const StatusReport& report) {
  Json out = status_json(report);
  for (Json& root : out["root_keys"]) {
    const std::string uri = root["uri"];
    root["uri"] = uri.substr(0, uri.find('?'));
  }
  return out;
}

}  // namespace

void look_at(Coffer& coffer, Overview& out) {
  const auto begun = std::chrono::steady_clock::now();
  out.report = make_status_report(coffer, {.ask_root = false});
  if (out.report.is_ok()) out.report->node_slots = out.examined.node_slots;
  out.status = out.report.is_ok() ? status_without_options(*out.report) : Json(nullptr);
  out.condition = coffer.live_keyring().condition();
  out.at = now_seconds();
  auto metrics = prometheus_text(coffer, out.condition);
  // Where that cannot be told, the report says why.
  out.key_metrics = metrics.is_ok() ? std::move(*metrics) : "";
  out.took_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

Examined examine_for_overview(Coffer& coffer) {
  Examined out;
  out.findings = examine_at_work(coffer);
  out.node_slots = coffer.live_keyring().node_slot_standing();
  const auto trail = audit_trail(coffer);
  out.audit_head = coffer.keyring()->audit_head();
  out.audit_wrong = trail.is_ok() ? Result<size_t>(trail->wrong.size()) : trail.status();
  out.at = now_seconds();
  return out;
}

}  // namespace coffer
