// coffer status: which keys protect which bytes.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "coffer/base/advice.h"
#include "coffer/base/period.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/runs.h"
#include "coffer/cli/text.h"
#include "coffer/crypto/backend.h"
#include "coffer/crypto/key_memory.h"
#include "coffer/files/mapped_reads.h"
#include "coffer/files/plaintext_list.h"
#include "coffer/ops/inventory.h"
#include "coffer/ops/keys.h"
#include "coffer/ops/metrics.h"
#include "coffer/ops/root_standing.h"

namespace coffer::cli {
namespace {

struct StatusReport {
  std::string directory;
  std::shared_ptr<const Keyring> keyring;
  std::vector<StoreEntry> stores;  // that operators have to know of
  KeyringHeader header;
  Config config;
  ProviderConfig providers;
  Inventory inventory;
  Result<CountsByKey> counts = CountsByKey();
  std::vector<StoreInTransition> transitions;
  Status last_refresh;   // of the keyring, after the inventory
  StoreMarks marks;      // empty where `freshness` is off
  Status root_key;       // whether it may go on protecting
  RootStanding root;     // since when, until when
  KeyMemory key_memory;  // of this program
  std::vector<RunRecord> runs;
  uint64_t now = 0;
  bool with_history = false;
};

Usage usage_of(const StatusReport& report, const Id& key) {
  auto found = report.inventory.by_key.find(key);
  return found == report.inventory.by_key.end() ? Usage{} : found->second;
}

Usage usage_of(const StatusReport& report, const Domain& domain) {
  auto found = report.inventory.by_domain.find(domain.name);
  return found == report.inventory.by_domain.end() ? Usage{} : found->second;
}

Usage active_of(const StatusReport& report, const Domain& domain) {
  auto found = report.inventory.active_by_domain.find(domain.name);
  return found == report.inventory.active_by_domain.end() ? Usage{} : found->second;
}

KeyCounts counts_of_key(const StatusReport& report, const Id& key) {
  if (!report.counts.is_ok()) return {};
  const auto found = report.counts->find(key);
  return found == report.counts->end() ? KeyCounts() : found->second;
}

// Until the policy rotates an active key.
std::optional<uint64_t> percent_left(const StatusReport& report, const Domain& domain, const DomainKeyEntry& key) {
  if (key.state != KeyState::kActive || !report.counts.is_ok()) return std::nullopt;
  return budget_left(key, report.config.policy.of(domain.name), counts_of_key(report, key.id), report.now).percent;
}

// When the key came into the state it is in.
uint64_t in_state_since(const DomainKeyEntry& entry) {
  switch (entry.state) {
    case KeyState::kActive: return entry.activated;
    case KeyState::kDeactivated: return entry.deactivated;
    case KeyState::kCompromised: return entry.compromised;
    case KeyState::kDestroyed: return entry.destroyed;
    default: return entry.created;
  }
}

bool has_problem_files(const Inventory& inventory) {
  return inventory.plaintext.files + inventory.unreadable.files + inventory.unknown_key.files > 0;
}

// Null if nothing is wrong with it.
const MissingStore* find_missing(const StatusReport& report, const Id& store) {
  for (const MissingStore& each : report.inventory.missing_stores) {
    if (each.store == store) return &each;
  }
  return nullptr;
}

// --- as text

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

Json local_unlock_json(const RootStanding& root) {
  const auto or_null = [](uint64_t time) { return time == 0 ? Json(nullptr) : Json(time); };
  return {{"allowed", root.may_open_locally},
          {"in_use", root.opened_locally},
          {"copy", root.copy_path.empty() ? Json(nullptr) : Json(root.copy_path)},
          {"answered", or_null(root.copy_answered)},
          {"until", or_null(root.copy_until)}};
}

Json root_trouble_json(const StatusReport& report) {
  const RootOutlook& outlook = report.root.outlook;
  if (outlook.trouble == RootTrouble::kNone) return nullptr;
  return {{"trouble", trouble_name(outlook.trouble)},
          {"since", outlook.since},
          {"since_is_recorded", report.root.is_recorded},
          {"answered", report.root.answered == 0 ? Json(nullptr) : Json(report.root.answered)},
          {"grace_until", outlook.from},
          {"then", reaction_name(outlook.reaction, outlook.trouble)}};
}

std::string heading(const StatusReport& report) {
  std::string out = printable(report.directory) + "\n";
  for (const KeyringSlot& slot : report.header.slots) {
    const RootKind kind = kind_of_root(slot.root, report.providers);
    out += fmt::format("  root key   {} ({}{}): {}\n", slot.root, kind.name, kind.opens_by_itself ? "" : ", by hand",
                       printable(uri_of_root(slot.root, report.providers)));
    out += fmt::format("             {}, in use for {}\n", printable(describe_root_key(slot, report.providers)),
                       age_text(seconds_since(slot.created, report.now)));
  }
  out +=
      fmt::format("  keyring    version {}, changed {} ago, coffer {}\n", report.header.version,
                  age_text(seconds_since(report.keyring->updated(), report.now)), report.header.coffer_id.short_hex());
  if (!report.last_refresh.is_ok()) {
    out += fmt::format("             CANNOT BE TAKEN UP as it is stored now: {}\n",
                       printable(report.last_refresh.to_string()));
  }
  if (!report.key_memory.is_protected()) {
    out += fmt::format("  KEY MEMORY of this program: {}\n", describe(report.key_memory));
  }
  if (!report.counts.is_ok()) {
    out +=
        fmt::format("             WHAT WAS WRITTEN is not known: {}\n", printable(report.counts.status().to_string()));
  }
  if (!report.root_key.is_ok()) {
    out += fmt::format("             ROOT KEY may not go on protecting: {}\n", printable(report.root_key.to_string()));
    out += fmt::format("             {}\n", reaction_text(report));
  }
  if (const std::string local = local_unlock_text(report); !local.empty()) {
    out += fmt::format("  local unlock  {}\n", local);
  }
  out += fmt::format("  new files  {}\n", config_text(report.config));
  out += fmt::format("  crypto     {}\n", describe(crypto_in_use(report.config.suite)));
  out += fmt::format("  freshness  {}\n", report.config.freshness ? "on" : "off");
  std::string_view label = "stores";
  for (const StoreEntry& store : report.stores) {
    out += fmt::format("  {:<9}  {}{}{}\n", label, printable(store.path), freshness_text(report, store),
                       remark_on(report, store));
    label = "";
  }
  if (report.stores.empty()) out += "  stores     none yet: coffer exec opens one\n";
  label = "runs";
  for (const RunRecord& run : present_runs(report.runs)) {
    out += fmt::format("  {:<9}  {}\n", label, run_text(run, report.now));
    label = "";
  }
  return out;
}

std::string key_table(const StatusReport& report) {
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
                 std::string(key_state_name(entry->state)) + (domain.locked != 0 ? ", LOCKED" : ""),
                 age_text(seconds_since(entry->created, report.now)), fmt::to_string(usage.files),
                 size_text(usage.bytes), percent_text(usage.bytes, whole.bytes),
                 size_text(counts_of_key(report, entry->id).bytes), left ? fmt::format("{}%", *left) : ""});
    }
  }
  return table.text();
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

uint64_t bytes_of(const PlaintextFiles& files) {
  uint64_t out = 0;
  for (const auto& [name, size] : files) out += size;
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

Json transitions_json(const StatusReport& report) {
  Json out = Json::array();
  for (const StoreInTransition& store : report.transitions) {
    out.push_back({{"store", store.store.hex()},
                   {"path", store.directory},
                   {"files", store.left.size()},
                   {"bytes", bytes_of(store.left)},
                   {"trouble", store.list.is_ok() ? Json(nullptr) : Json(store.list.to_string())}});
  }
  return out;
}

std::string totals(const StatusReport& report) {
  const Inventory& inventory = report.inventory;
  std::string out =
      fmt::format("{} of {} in {} under active keys\n", percent_text(inventory.active.bytes, inventory.encrypted.bytes),
                  size_text(inventory.encrypted.bytes), count_text(inventory.encrypted.files, "file"));
  if (inventory.encrypted.files == 0) out = "no encrypted files yet\n";
  out += other_copies(report);
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
  return out;
}

void advise(const StatusReport& report, Console& console) {
  const Inventory& inventory = report.inventory;
  if (has_problem_files(inventory)) console.note("coffer verify names the files in question");
  if (inventory.active.files + inventory.unknown_key.files < inventory.encrypted.files) {
    console.note("coffer rewrap brings the other files under active keys");
  }
}

// --- as JSON

// To one decimal, and 100 only for all of it; null when there is nothing.
Json percent_json(const Usage& part, const Usage& whole) {
  if (whole.bytes == 0) return nullptr;
  const double percent = 100.0 * static_cast<double>(part.bytes) / static_cast<double>(whole.bytes);
  return part.bytes == whole.bytes ? 100.0 : std::min(99.9, std::round(percent * 10) / 10);
}

Json usage_json(const Usage& usage) { return {{"files", usage.files}, {"bytes", usage.bytes}}; }

Json domains_json(const StatusReport& report) {
  Json domains = Json::array();
  for (const Domain& domain : listed(*report.keyring)) {
    const Usage whole = usage_of(report, domain);
    const Usage active = active_of(report, domain);
    Json keys = Json::array();
    for (const DomainKeyEntry& entry : domain.keys) {
      if (!report.with_history && !is_in_use(entry, report.inventory)) continue;
      const Usage usage = usage_of(report, entry.id);
      const KeyCounts counts = counts_of_key(report, entry.id);
      const auto left = percent_left(report, domain, entry);
      const auto found = report.inventory.by_other_copy.find(entry.id);
      const Usage other = found == report.inventory.by_other_copy.end() ? Usage{} : found->second;
      keys.push_back({{"id", entry.id.hex()},
                      {"version", entry.version},
                      {"state", key_state_name(entry.state)},
                      {"created", entry.created},
                      {"in_state_since", in_state_since(entry)},
                      {"expires", entry.expires == 0 ? Json(nullptr) : Json(entry.expires)},
                      {"age_seconds", seconds_since(entry.created, report.now)},
                      {"files", usage.files},
                      {"bytes", usage.bytes},
                      {"seals", report.counts.is_ok() ? Json(counts.seals) : Json(nullptr)},
                      {"written", report.counts.is_ok() ? Json(counts.bytes) : Json(nullptr)},
                      {"left_percent", left ? Json(*left) : Json(nullptr)},
                      {"other_copies", other.files}});
    }
    domains.push_back({{"name", domain.name},
                       {"locked", domain.locked != 0 ? Json(domain.locked) : Json(nullptr)},
                       {"files", whole.files},
                       {"bytes", whole.bytes},
                       {"active_files", active.files},
                       {"active_bytes", active.bytes},
                       {"active_percent", percent_json(active, whole)},
                       {"keys", std::move(keys)}});
  }
  return domains;
}

Json config_json(const Config& config) {
  Json out = {{"crypto", config.fips ? Json("fips") : Json(nullptr)},
              {"cipher", suite_info(config.suite).name},
              {"ctr_cipher", suite_info(config.ctr_suite).name},
              {"chunk_size", uint64_t{1} << config.chunk_log2},
              {"data_files", kind_name(config.data_kind)},
              {"log_files", kind_name(config.log_kind)},
              {"reads", read_mode_name(config.read_mode)},
              {"anchor", config.anchor.empty() ? Json(nullptr) : Json(config.anchor)},
              {"freshness", config.freshness}};
  Json domains = Json::array();
  for (const DomainPath& entry : config.domains) domains.push_back({{"name", entry.domain}, {"path", entry.path}});
  out["domains"] = std::move(domains);
  return out;
}

// null when nothing is wrong.
Json refresh_json(const Status& found) {
  if (found.is_ok()) return nullptr;
  return {{"code", code_name(found.code())}, {"message", found.message()}};
}

Json report_json(const StatusReport& report) {
  Json roots = Json::array();
  for (const KeyringSlot& slot : report.header.slots) roots.push_back(slot_json(slot, report.providers));
  Json stores = Json::array();
  for (const StoreEntry& store : report.stores) {
    const MissingStore* missing = find_missing(report, store.id);
    const auto mark = report.marks.find(store.id);
    stores.push_back({{"id", store.id.hex()},
                      {"path", store.path},
                      {"mark_age_seconds",
                       mark == report.marks.end() ? Json(nullptr) : Json(seconds_since(mark->second.at, report.now))},
                      {"missing", missing != nullptr && missing->gone},
                      {"empty", missing != nullptr && !missing->gone}});
  }
  const Inventory& inventory = report.inventory;
  return {{"coffer", report.directory},
          {"id", report.header.coffer_id.hex()},
          {"keyring_version", report.header.version},
          {"keyring_refresh", refresh_json(report.last_refresh)},
          {"root_key_refused", refresh_json(report.root_key)},
          {"usage_refused", refresh_json(report.counts.status())},
          {"root_key_trouble", root_trouble_json(report)},
          {"local_unlock", local_unlock_json(report.root)},
          {"key_memory",
           {{"locked_bytes", report.key_memory.secrets.locked_bytes},
            {"unlocked_bytes", report.key_memory.secrets.unlocked_bytes},
            {"openssl_keys", report.key_memory.openssl_keys}}},
          {"created", report.keyring->created()},
          {"updated", report.keyring->updated()},
          {"root_keys", std::move(roots)},
          {"config", config_json(report.config)},
          {"crypto", crypto_json(crypto_in_use(report.config.suite))},
          {"stores", std::move(stores)},
          {"runs", runs_json(present_runs(report.runs))},
          {"domains", domains_json(report)},
          {"total", usage_json(inventory.encrypted)},
          {"active", usage_json(inventory.active)},
          {"active_percent", percent_json(inventory.active, inventory.encrypted)},
          {"empty", usage_json(inventory.empty)},
          {"plaintext", usage_json(inventory.plaintext)},
          {"in_transition", transitions_json(report)},
          {"unreadable", usage_json(inventory.unreadable)},
          {"unknown_key", usage_json(inventory.unknown_key)},
          {"links_outside", inventory.links_outside}};
}

Result<Outcome> run_status(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer_for_paths(arguments, arguments.list("PATH")));
  StatusReport report;
  report.directory = coffer->directory();
  report.keyring = coffer->keyring();
  for (const StoreEntry& store : report.keyring->stores()) {
    if (store.confirmed || coffer->stores().is_present(store)) report.stores.push_back(store);
  }
  report.config = coffer->config();
  report.providers = provider_config_of(*coffer);
  report.now = now_seconds();
  report.header = *coffer->live_keyring().header();
  if (coffer->freshness() != nullptr) {
    COFFER_ASSIGN(report.marks, coffer->freshness()->load());
  }
  const bool looks_at_stores = coffer->at_home().is_ok() || !arguments.list("PATH").empty();
  if (looks_at_stores) {
    COFFER_ASSIGN(report.inventory, take_inventory(*coffer, arguments.list("PATH")));
    report.transitions = stores_in_transition(*coffer);
  }
  report.counts = coffer->usage().total();
  report.last_refresh = coffer->live_keyring().refresh();
  report.root_key = coffer->live_keyring().check_root();
  report.root = standing_after(*coffer, report.root_key, report.now);
  report.key_memory = key_memory();
  if (auto runs = read_runs(coffer->disk(), coffer->directory()); runs.is_ok()) report.runs = std::move(*runs);
  report.with_history = arguments.has("--history");
  console.answer(report_json(report), heading(report) + "\n" + key_table(report) + "\n" + totals(report));
  advise(report, console);
  if (!looks_at_stores) console.note(advice_for(coffer->at_home()).message + ": its stores were not looked at");
  const bool sound = !has_problem_files(report.inventory) && report.inventory.missing_stores.empty() &&
                     report.transitions.empty() && report.last_refresh.is_ok() && report.root_key.is_ok() &&
                     report.counts.is_ok() && looks_at_stores;
  return sound ? Outcome::kDone : Outcome::kProblemsFound;
}

}  // namespace

Command status_command() {
  return {
      .name = "status",
      .about = "shows which keys protect which files, how old they are, and how much is under the active ones",
      .operands = {coffer_operand(), paths_operand()},
      .flags = {{"--history", "", "also keys that protect nothing any more"}, as_flag(), root_flag()},
      .examples = {"status /var/lib/db.coffer", "status /var/lib/db.coffer /var/lib/db --json"},
      .run = run_status,
  };
}

}  // namespace coffer::cli
