// The overview, for Prometheus.
#include <algorithm>

#include "coffer/ops/metric_text.h"
#include "coffer/ops/overview.h"
#include "coffer/version.h"

namespace coffer {
namespace {

std::string gauge(std::string_view name, std::string_view help, uint64_t value) {
  MetricText out(name, "gauge", help);
  out.add({}, value);
  return out.text();
}

std::string severities(std::string_view name, std::string_view help, const Findings& findings) {
  MetricText out(name, "gauge", help);
  const auto wrong = static_cast<uint64_t>(std::ranges::count_if(findings, &Finding::wrong));
  out.add({{"severity", "wrong"}}, wrong);
  out.add({{"severity", "advice"}}, findings.size() - wrong);
  return out.text();
}

std::string agent_text(const Overview& overview) {
  MetricText build("coffer_build_info", "gauge", "1; which version of Coffer the agent is.");
  build.add({{"version", std::string(kVersion)}}, 1);
  MetricText took("coffer_overview_duration_seconds", "gauge", "What making the numbers here took.");
  took.add_seconds({}, overview.took_seconds);
  MetricText done("coffer_policy_done_total", "counter", "Rotations, rewraps, re-encryptions and destructions done.");
  done.add({}, overview.policy.done);
  return build.text() +
         gauge("coffer_overview_time_seconds", "Unix time at which the numbers here were made.", overview.at) +
         took.text() + gauge("coffer_open", "1 while the agent has the coffer open.", overview.opened.is_ok() ? 1 : 0) +
         severities("coffer_problems", "What the status page says is not well.", troubles_of(overview)) +
         gauge("coffer_policy_time_seconds", "Unix time of the agent's last look at the policy; 0: none yet.",
               overview.policy.at) +
         gauge("coffer_policy_failed", "1 while not all that the policy asks for can be done.",
               overview.policy.found.is_ok() ? 0 : 1) +
         done.text();
}

std::string node_slots_metrics(const NodeSlots& slots) {
  const NodeSlotStanding standing = slots.is_ok() ? slots->value_or(NodeSlotStanding()) : NodeSlotStanding();
  return gauge("coffer_node_slot_until_seconds",
               "Unix time until which programs that serve start by this node's slot; 0: they do not.", standing.until) +
         gauge("coffer_node_slot_refused", "1 while they do not, and the policy says that they do.",
               node_slots_trouble(slots).is_ok() ? 0 : 1) +
         gauge("coffer_nodes_with_slot", "Nodes that have a slot; 0 where the policy has none.", standing.with_slot) +
         gauge("coffer_nodes_without_slot", "Nodes that have none, and are to have one.",
               standing.nodes - standing.with_slot);
}

std::string examined_text(const Examined& examined) {
  if (examined.at == 0) return "";
  MetricText problems("coffer_audit_problems", "gauge", "Lines that nobody wrote with the key, or that are gone.");
  // That it cannot be read now, as in an outage of etcd, says nothing of what it says.
  if (examined.audit_wrong.is_ok()) problems.add({}, *examined.audit_wrong);
  return severities("coffer_doctor_findings", "What doctor finds.",
                    examined.findings.is_ok() ? *examined.findings : Findings()) +
         gauge("coffer_doctor_time_seconds", "Unix time of doctor's last look.", examined.at) +
         node_slots_metrics(examined.node_slots) +
         gauge("coffer_audit_records", "Lines of the audit log, by the keyring.", examined.audit_head.count) +
         problems.text();
}

class FileMetrics {
 public:
  FileMetrics(const std::string& prefix, const std::string& of)
      : files_("coffer_" + prefix + "files", "gauge", "Files" + of),
        bytes_("coffer_" + prefix + "bytes", "gauge", "On disk" + of) {}
  void add(const MetricLabels& labels, const Usage& usage) {
    files_.add(labels, usage.files);
    bytes_.add(labels, usage.bytes);
  }
  std::string text() const { return files_.text() + bytes_.text(); }

 private:
  MetricText files_, bytes_;
};

std::string totals_text(const StatusReport& report) {
  const Inventory& inventory = report.inventory;
  FileMetrics totals("file_class_", ": encrypted, of those under active keys only, and what else was found.");
  totals.add({{"class", "encrypted"}}, inventory.encrypted);
  totals.add({{"class", "active"}}, inventory.active);
  totals.add({{"class", "empty"}}, inventory.empty);
  totals.add({{"class", "plaintext"}}, inventory.plaintext);
  totals.add({{"class", "unreadable"}}, inventory.unreadable);
  totals.add({{"class", "unknown_key"}}, inventory.unknown_key);
  uint64_t in_transition = 0;
  for (const StoreInTransition& each : report.transitions) in_transition += each.left.size();
  return totals.text() +
         gauge("coffer_files_counted_time_seconds", "Unix time at which every header was read.", inventory.counted_at) +
         gauge("coffer_transition_files", "Files that stores in transition still read in clear.", in_transition) +
         gauge("coffer_missing_stores", "Stores that are missing or empty.", inventory.missing_stores.size());
}

std::string stores_text(const StatusReport& report) {
  FileMetrics all("store_", " of a store, encrypted."), active("store_active_", " of a store, under active keys only.");
  for (const StoreEntry& store : report.stores) {
    const StoreUsage usage = usage_of(report, store);
    all.add({{"store", store.path}}, usage.encrypted);
    active.add({{"store", store.path}}, usage.active);
  }
  return all.text() + active.text();
}

std::string domains_text(const StatusReport& report) {
  FileMetrics domains("domain_", " of a domain, encrypted.");
  FileMetrics active("domain_active_", " of a domain, under active keys only.");
  FileMetrics keys("key_", " that need a key.");
  const auto all = listed(*report.keyring);
  std::string out = gauge("coffer_domains", "Domains of the keyring.", all.size());
  if (all.size() > kDomainsMeasuredMax) return out;
  for (const Domain& domain : all) {
    domains.add({{"domain", domain.name}}, usage_of(report, domain));
    active.add({{"domain", domain.name}}, active_of(report, domain));
    for (const DomainKeyEntry& key : domain.keys) {
      if (is_in_use(key, report.inventory)) keys.add(labels_of(domain, key), usage_of(report, key.id));
    }
  }
  return out + domains.text() + active.text() + keys.text();
}

std::string runs_text(const StatusReport& report) {
  MetricText files("coffer_run_files", "gauge", "Files that a run at work has done.");
  MetricText files_to_do("coffer_run_files_to_do", "gauge", "Files that a run at work does in all.");
  MetricText bytes("coffer_run_bytes", "gauge", "Bytes that a run at work has done.");
  MetricText bytes_to_do("coffer_run_bytes_to_do", "gauge", "Bytes that a run at work does in all.");
  MetricText left("coffer_run_left_seconds", "gauge", "Until a run at work ends, as far as that can be told.");
  uint64_t running = 0;
  for (const RunRecord& run : report.runs) {
    if (run.state != RunRecord::State::kRunning) continue;
    ++running;
    const MetricLabels labels = {{"run", run.id}, {"what", run.what}, {"about", run.about}};
    files.add(labels, run.files);
    files_to_do.add(labels, run.files_to_do);
    bytes.add(labels, run.bytes);
    bytes_to_do.add(labels, run.bytes_to_do);
    if (run.seconds_left() > 0) left.add(labels, run.seconds_left());
  }
  return gauge("coffer_runs_at_work", "Rewraps and re-encryptions at work.", running) + files.text() +
         files_to_do.text() + bytes.text() + bytes_to_do.text() + left.text();
}

}  // namespace

std::string overview_metrics(const Overview& overview) {
  std::string out = agent_text(overview);
  if (!overview.opened.is_ok()) return out;
  out += overview.key_metrics + examined_text(overview.examined);
  if (!overview.report.is_ok()) return out;
  return out + totals_text(*overview.report) + stores_text(*overview.report) + domains_text(*overview.report) +
         runs_text(*overview.report);
}

}  // namespace coffer
