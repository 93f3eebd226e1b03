// coffer status, for people.
#include <fmt/format.h>

#include "coffer/base/period.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/runs.h"
#include "coffer/cli/status_report.h"
#include "coffer/cli/text.h"
#include "coffer/crypto/backend.h"
#include "coffer/files/mapped_reads.h"
#include "coffer/ops/metrics.h"
#include "coffer/ops/rollouts.h"

namespace coffer::cli {
namespace {

// What new files of this kind are.
std::string kind_text(const Config& config, Kind kind) {
  const std::string out = fmt::format("{} in {}", suite_info(config.suite_of(kind)).name, kind_name(kind));
  const int log2 = config.chunk_log2_of(kind);
  return log2 == 0 ? out : fmt::format("{} of {}", out, size_text(uint64_t{1} << log2));
}

std::string config_text(const Config& config) {
  const std::string reads = config.read_mode == ReadMode::kAuto ? "a mapping where that is safe"
                                                                : std::string(read_mode_name(config.read_mode));
  return fmt::format("{}, read by {}; logs {}", kind_text(config, config.data_kind), reads,
                     kind_text(config, config.log_kind));
}

std::string freshness_text(const StatusReport& report, const StoreEntry& store) {
  if (!report.config.freshness) return "";
  const auto mark = report.marks.find(store.id);
  if (mark == report.marks.end()) return ", no mark yet";
  return fmt::format(", mark {} old", age_text(seconds_since(mark->second.at, report.now)));
}

std::string remark_on(const StatusReport& report, const StoreEntry& store) {
  if (const MissingStore* missing = find_missing(report, store.id)) {
    return fmt::format("  ({}: {})", missing->gone ? "MISSING" : "EMPTY", missing_text(*missing));
  }
  if (report.config.read_mode != ReadMode::kAuto) return "";
  const std::string_view why_not = why_not_mapped(store.path);
  return why_not.empty() ? "" : fmt::format("  (read by pread: {})", why_not);
}

std::string reaction_text(const StatusReport& report) {
  const RootOutlook& outlook = report.root.outlook;
  const bool away = outlook.trouble == RootTrouble::kUnreachable;
  // Of a program that has only just looked nobody knows.
  const std::string since = report.root.is_recorded ? "since " + utc_text(outlook.since) : "now";
  return fmt::format("it is {} {}: programs that serve go on {}, then as {}: {}", trouble_name(outlook.trouble), since,
                     away ? "until " + utc_text(outlook.from) : "for a minute at most",
                     away ? "on_outage" : "on_revoked", reaction_name(outlook.reaction, outlook.trouble));
}

std::string local_unlock_text(const StatusReport& report) {
  const RootStanding& root = report.root;
  if (!root.may_open_locally && root.copy_path.empty()) return "";
  if (!root.may_open_locally) return fmt::format("off, and a copy is left: {}", printable(root.copy_path));
  if (root.copy_path.empty()) return "allowed, and none is kept yet";
  return fmt::format("{}: {}, {} old, opens until {}", root.opened_locally ? "IN USE" : "allowed",
                     printable(root.copy_path), age_text(seconds_since(root.copy_answered, report.now)),
                     utc_text(root.copy_until));
}

// By the keyring and the configuration alone: whether they open, their roots would have to be asked.
std::string groups_text(const StatusReport& report) {
  std::string out;
  auto domains = domains_by_group(*report.keyring);
  std::string_view label = "key groups";
  for (const KeyGroup& group : report.keyring->groups()) {
    out += fmt::format("  {:<10} {} ({}), root {}\n", label, group.name, count_text(domains[group.number], "domain"),
                       group_roots_text(group, report.providers));
    label = "";
  }
  return out;
}

// What the files' current headers do not show: while the other copy needs an old key, who has that key opens the file.
std::string other_copies(const StatusReport& report) {
  std::string out;
  for (const Domain& domain : listed(*report.keyring)) {
    for (const DomainKeyEntry& entry : domain.keys) {
      auto found = report.inventory.by_other_copy.find(entry.id);
      if (found == report.inventory.by_other_copy.end() || entry.state == KeyState::kActive) continue;
      out += fmt::format("{} whose other copy of the header still needs key {} of {}\n",
                         count_text(found->second.files, "file"), entry.version, domain.name);
    }
  }
  return out;
}

std::string transitions_text(const StatusReport& report) {
  std::string out;
  for (const StoreInTransition& store : report.transitions) {
    out += fmt::format("IN TRANSITION: {} still reads {} ({}) as plaintext\n", printable(store.directory),
                       count_text(store.left.size(), "file"), size_text(bytes_of(store.left)));
    if (!store.list.is_ok()) out += fmt::format("  but not now: {}\n", printable(std::string(store.list.message())));
  }
  return out;
}

// How old the numbers are.
std::string count_age(const StatusReport& report) {
  if (report.recounted) return "";
  const std::string age = age_text(seconds_since(report.inventory.counted_at, report.now));
  return fmt::format("files were counted {} ago, and since then by the programs that serve; --recount looks at each\n",
                     age);
}

std::string mariadb_text(const MariadbKeys& keys) {
  std::string ids;
  for (const auto& [id, domain] : keys) ids += fmt::format("{}{} ({})", ids.empty() ? "" : ", ", id, domain);
  return ids.empty() ? "" : fmt::format("  mariadb    key ids {}; its servers alone know what needs which key\n", ids);
}

std::string keyring_text(const StatusReport& report) {
  std::string out =
      fmt::format("  keyring    version {}, changed {} ago, coffer {}\n", report.header.version,
                  age_text(seconds_since(report.keyring->updated(), report.now)), report.header.coffer_id.short_hex());
  if (report.config.keyring_store) out += fmt::format("             at {}\n", printable(report.keyring_at));
  if (report.copied != 0) {
    out += fmt::format("             OPENED BY THIS NODE'S COPY, of {}: etcd does not answer\n",
                       utc_text(report.copied));
  }
  if (!report.last_refresh.is_ok()) {
    out += fmt::format("             CANNOT BE TAKEN UP as it is stored now: {}\n",
                       printable(report.last_refresh.to_string()));
  }
  if (!report.audit_log.empty()) {
    out += fmt::format("             {}: coffer audit archive COFFER FILE\n", report.audit_log);
  }
  return out;
}

// Of keys, which nodes follow or are asked about.
std::string changes_text(const StatusReport& report) {
  std::string out;
  std::string_view label = "rollouts";
  for (const Rollout& rollout : report.keyring->rollouts()) {
    out += fmt::format("  {:<10} {}\n", label, rollout_text(rollout, report.now));
    label = "";
  }
  for (const KeyQuestion& question : report.keyring->questions()) {
    const FoundKey key = report.keyring->find_key(question.key);
    out += fmt::format("  {:<10} other nodes are asked whether they need key {} of domain {}: coffer node list\n",
                       "asked", key.entry->version, key.domain->name);
  }
  return out;
}

std::string stores_text(const StatusReport& report) {
  std::string out;
  std::string_view label = "stores";
  for (const StoreEntry& store : report.stores) {
    out += fmt::format("  {:<9}  {}{}{}\n", label, printable(store.path), freshness_text(report, store),
                       remark_on(report, store));
    label = "";
  }
  if (const std::string elsewhere = elsewhere_text(report); !elsewhere.empty()) {
    out += fmt::format("  {:<9}  {}\n", label, elsewhere);
  } else if (report.stores.empty() && report.config.mariadb_keys.empty()) {
    out += "  stores     none yet: coffer exec opens one\n";
  }
  return out;
}

}  // namespace

std::string status_heading(const StatusReport& report) {
  std::string out = printable(report.directory) + "\n";
  for (const KeyringSlot& slot : report.header.slots) {
    const RootKind kind = kind_of_root(slot.root, report.providers);
    out += fmt::format("  root key   {} ({}{}): {}\n", slot.root, kind.name, kind.opens_by_itself ? "" : ", by hand",
                       printable(uri_of_root(slot.root, report.providers)));
    out += fmt::format("             {}, in use for {}\n", printable(describe_root_key(slot, report.providers)),
                       age_text(seconds_since(slot.created, report.now)));
  }
  out += keyring_text(report);
  if (!report.key_memory.is_protected()) {
    out += fmt::format("  KEY MEMORY of this program: {}\n", describe(report.key_memory));
  }
  if (!report.counts.is_ok()) {
    out +=
        fmt::format("             WHAT WAS WRITTEN is not known: {}\n", printable(report.counts.status().to_string()));
  }
  if (!report.kept_counts.is_ok()) {
    out += fmt::format("             COUNTS OF FILES are not to be believed: {}\n",
                       printable(report.kept_counts.to_string()));
  }
  if (!report.root_key.is_ok()) {
    out += fmt::format("             ROOT KEY may not go on protecting: {}\n", printable(report.root_key.to_string()));
    out += fmt::format("             {}\n", reaction_text(report));
  }
  if (const std::string local = local_unlock_text(report); !local.empty()) {
    out += fmt::format("  local unlock  {}\n", local);
  }
  if (const std::string slots = node_slots_text(report.node_slots); !slots.empty()) {
    out += fmt::format("  node slots {}\n", slots);
  }
  out += fmt::format("  new files  {}\n", config_text(report.config));
  out += fmt::format("  crypto     {}\n", describe(crypto_in_use(report.config.suite)));
  out += fmt::format("  freshness  {}\n", report.config.freshness ? "on" : "off");
  out += groups_text(report);
  out += changes_text(report);
  out += stores_text(report);
  out += mariadb_text(report.config.mariadb_keys);
  std::string_view label = "runs";
  for (const RunRecord& run : present_runs(report.runs)) {
    out += fmt::format("  {:<9}  {}\n", label, run_text(run, report.now));
    label = "";
  }
  return out;
}

std::string status_keys(const StatusReport& report) {
  using Align = Table::Align;
  Table table({Align::kLeft, Align::kRight, Align::kLeft, Align::kLeft, Align::kRight, Align::kRight, Align::kRight,
               Align::kRight, Align::kRight, Align::kRight});
  table.add({"DOMAIN", "KEY", "ID", "STATE", "AGE", "FILES", "BYTES", "SHARE", "WRITTEN", "LEFT"});
  for (const Domain& domain : listed(*report.keyring)) {
    const Usage whole = usage_of(report, domain);
    std::string name = domain.name;
    for (auto entry = domain.keys.rbegin(); entry != domain.keys.rend(); ++entry) {
      if (!report.with_history && !is_in_use(*entry, report.inventory)) continue;
      const Usage usage = usage_of(report, entry->id);
      const auto left = percent_left(report, domain, *entry);
      table.add({std::exchange(name, ""), fmt::to_string(entry->version), entry->id.short_hex(),
                 std::string(key_state_name(entry->state)) + (domain.locked != 0 ? ", LOCKED" : "") +
                     in_group_text(*report.keyring, domain),
                 age_text(seconds_since(entry->created, report.now)), fmt::to_string(usage.files),
                 size_text(usage.bytes), percent_text(usage.bytes, whole.bytes),
                 size_text(counts_of_key(report, entry->id).bytes), left ? fmt::format("{}%", *left) : ""});
    }
  }
  return table.text();
}

std::string status_totals(const StatusReport& report) {
  const Inventory& inventory = report.inventory;
  std::string out =
      fmt::format("{} of {} in {} under active keys\n", percent_text(inventory.active.bytes, inventory.encrypted.bytes),
                  size_text(inventory.encrypted.bytes), count_text(inventory.encrypted.files, "file"));
  if (inventory.encrypted.files == 0) {
    out = report.config.mariadb_keys.empty() ? "no encrypted files yet\n" : "no files that Coffer itself encrypts\n";
  }
  out += other_copies(report);
  if (!report.recounted && inventory.links_seen > 0) {
    out += fmt::format("{} out of the stores, not followed\n", count_text(inventory.links_seen, "link"));
  }
  for (const std::string& link : inventory.links_outside) {
    out += fmt::format("{}: note: a link out of the store, not followed\n", printable(link));
  }
  if (inventory.empty.files > 0) out += fmt::format("{} empty\n", count_text(inventory.empty.files, "file"));
  if (inventory.plaintext.files > 0) {
    out += fmt::format("PLAINTEXT: {}, {}\n", count_text(inventory.plaintext.files, "file"),
                       size_text(inventory.plaintext.bytes));
  }
  out += transitions_text(report);
  if (inventory.unreadable.files > 0)
    out += fmt::format("UNREADABLE: {}\n", count_text(inventory.unreadable.files, "file"));
  if (inventory.unknown_key.files > 0) {
    out += fmt::format("UNKNOWN KEY: {}, {}\n", count_text(inventory.unknown_key.files, "file"),
                       size_text(inventory.unknown_key.bytes));
  }
  out += count_age(report);
  return out;
}

}  // namespace coffer::cli
