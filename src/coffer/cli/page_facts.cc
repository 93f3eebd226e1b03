// What the page says besides keys and stores: root keys, what is at work, the policy, and what proves it all.
#include <fmt/format.h>

#include <algorithm>

#include "coffer/base/period.h"
#include "coffer/cli/page.h"
#include "coffer/cli/text.h"

namespace coffer::cli {
namespace {

std::string ago(uint64_t time, uint64_t now) {
  return time == 0 ? "not yet" : age_text(seconds_since(time, now)) + " ago";
}

void put_root_state(Html& out, const StatusReport& report, uint64_t now) {
  const RootOutlook& outlook = report.root.outlook;
  out << "<p>At the last look it was ";
  if (outlook.trouble == RootTrouble::kNone) {
    out << "<strong class=\"state-good\">well</strong>, ";
    out.text(ago(report.root.answered, now)) << ".</p>";
    return;
  }
  out << "<strong class=\"state-bad\">";
  out.text(trouble_name(outlook.trouble)) << "</strong>, since ";
  out.text(time_text(outlook.since)) << " (";
  out.text(age_text(seconds_since(outlook.since, now))) << "); it answered last ";
  out.text(report.root.answered == 0 ? "at a time that is not known" : ago(report.root.answered, now))
      << ".</p>";
}

Markup name_of_state(RunRecord::State state) {
  switch (state) {
    case RunRecord::State::kRunning: return "<span class=\"state-good\">";
    case RunRecord::State::kFailed:
    case RunRecord::State::kInterrupted: return "<span class=\"state-bad\">";
    default: return "<span>";
  }
}

// By bytes, where it knows them.
std::pair<Usage, Usage> progress_of(const RunRecord& run) {
  const bool has_bytes = run.bytes_to_do > 0;
  const uint64_t whole = has_bytes ? run.bytes_to_do : run.files_to_do;
  return {Usage{0, std::min(has_bytes ? run.bytes : run.files, whole)}, Usage{0, whole}};
}

void put_run(HtmlTable& table, const RunRecord& run, uint64_t now) {
  const bool runs = run.state == RunRecord::State::kRunning;
  Html& what = table.cell().text(run.what) << " (";
  what.name(run.about) << ")";
  Html& state = table.cell() << name_of_state(run.state);
  state.text(run_state_name(run.state)) << "</span>";
  if (!runs) state.text(" " + ago(run.updated, now));
  const auto [part, whole] = progress_of(run);
  put_share(table.cell(), part, whole);
  table.cell().text(fmt::format("{} of {}", run.files, run.files_to_do));
  Html& speed = table.cell();
  if (runs && run.bytes_per_second() > 0) speed.text(size_text(run.bytes_per_second()) + "/s");
  Html& left = table.cell();
  if (runs && run.seconds_left() > 0) left.text(age_text(run.seconds_left()));
}

void put_fact(Html& out, Markup name, const std::string& text) {
  out << "<dt>" << name << "</dt><dd>";
  out.text(text) << "</dd>";
}

std::string rotation_text(const KeyPolicy& policy) {
  std::string out = policy.rotation_period ? "after " + period_text(*policy.rotation_period) : "not by age";
  if (policy.max_seals) out += fmt::format(", after {} files", *policy.max_seals);
  if (policy.max_bytes) out += ", after " + size_text(*policy.max_bytes);
  return out;
}

std::string old_files_text(const KeyPolicy& policy) {
  switch (policy.old_files) {
    case OldFiles::kLazy: return "stay under the keys they have until their engine writes them anew";
    case OldFiles::kRewrap: return "get new envelopes, " + period_text(policy.old_files_after) + " after";
    case OldFiles::kReencrypt: break;
  }
  return "are encrypted anew, " + period_text(policy.old_files_after) + " after";
}

}  // namespace

void put_runs(Html& out, const StatusReport& report, uint64_t now) {
  const std::vector<RunRecord> runs = present_runs(report.runs);
  if (runs.empty()) return;
  HtmlTable table(out, "runs", "Rewraps and re-encryptions",
                  {{"What"}, {"State"}, {"Done"}, {"Files", true}, {"Speed", true}, {"Time left", true}});
  for (const RunRecord& run : runs) put_run(table, run, now);
}

void put_root_keys(Html& out, const Overview& overview, uint64_t now) {
  {
    HtmlTable table(out, "roots", "Root keys", {{"Name"}, {"Provider"}, {"Where"}, {"Key"}, {"In use for"}});
    // Described when it was looked at: that may open a provider.
    for (const Json& root : overview.status.at("root_keys")) {
      const bool by_itself = root.at("opens_by_itself");
      table.cell().name(root.at("root").get<std::string>());
      table.cell().text(root.at("kind").get<std::string>() + (by_itself ? "" : ", by hand"));
      table.cell().name(root.at("uri").get<std::string>());
      table.cell().name(root.at("key").get<std::string>());
      table.cell().text(age_text(seconds_since(root.at("created"), now)));
    }
  }
  put_root_state(out, *overview.report, now);
  if (const std::string slots = node_slots_text(overview.report->node_slots); !slots.empty()) {
    out << "<p>Node slots: ";
    out.text(slots) << ".</p>";
  }
}

void put_policy(Html& out, const Overview& overview, uint64_t now) {
  const StatusReport& report = *overview.report;
  const Policy& policy = report.config.policy;
  out << "<h2>Policy</h2><dl>";
  put_fact(out, "A key is succeeded", rotation_text(policy.all));
  put_fact(out, "Old files", old_files_text(policy.all));
  if (!policy.domains.empty()) {
    put_fact(out, "Another policy", "for " + count_text(policy.domains.size(), "domain") + ": see coffer.yaml");
  }
  put_fact(out, "In an outage",
           fmt::format("programs that serve go on for {}, then: {}", period_text(policy.root.outage_grace),
                       reaction_name(policy.root.on_outage, RootTrouble::kUnreachable)));
  put_fact(out, "If it is revoked",
           "at once: " + std::string(reaction_name(policy.root.on_revoked, RootTrouble::kRevoked)));
  put_fact(out, "The agent looked", ago(overview.policy.at, now));
  put_fact(out, "Done since its start", count_text(overview.policy.done, "thing"));
  out << "</dl>";
}

void put_proofs(Html& out, const Overview& overview, uint64_t now) {
  const StatusReport& report = *overview.report;
  const Examined& examined = overview.examined;
  out << "<h2>Records</h2><dl>";
  put_fact(out, "Keyring", fmt::format("version {}, changed {}, coffer {}", report.header.version,
                                       ago(report.keyring->updated(), now), report.header.coffer_id.hex()));
  out << "<dt>Audit log</dt><dd>";
  if (examined.at == 0) {
    out << "not looked at yet</dd>";
  } else if (!examined.audit_wrong.is_ok()) {
    out << "could not be read: ";
    out.text(examined.audit_wrong.status().to_string()) << "</dd>";
  } else if (*examined.audit_wrong > 0) {
    out << "<span class=\"state-bad\">not as it was written</span>: coffer audit verify says which lines</dd>";
  } else {
    out.text(count_text(examined.audit_head.count, "line")) << ", whole; its head is <code>";
    out.text(to_hex(examined.audit_head.mac)) << "</code></dd>";
  }
  put_fact(out, "Doctor looked", ago(examined.at, now));
  put_fact(out, "Files were counted", ago(report.inventory.counted_at, now) +
                                          (report.recounted ? "" : ", and since then by the programs that serve"));
  put_fact(out, "Cryptography", describe(crypto_in_use(report.config.suite)));
  put_fact(out, "New files", std::string(suite_info(report.config.suite).name));
  out << "</dl>\n";
}

}  // namespace coffer::cli
