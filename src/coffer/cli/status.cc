// coffer status: which keys protect which bytes.
#include "coffer/base/advice.h"
#include "coffer/base/clock.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/status_report.h"
#include "coffer/ops/metrics.h"

namespace coffer::cli {

std::map<GroupNumber, size_t> domains_by_group(const Keyring& keyring) {
  std::map<GroupNumber, size_t> out;
  for (const Domain& domain : keyring.domains()) ++out[domain.group];
  return out;
}

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

std::optional<uint64_t> percent_left(const StatusReport& report, const Domain& domain, const DomainKeyEntry& key) {
  if (key.state != KeyState::kActive || !report.counts.is_ok()) return std::nullopt;
  return budget_left(key, report.config.policy.of(domain.name), counts_of_key(report, key.id), report.now).percent;
}

const MissingStore* find_missing(const StatusReport& report, const Id& store) {
  for (const MissingStore& each : report.inventory.missing_stores) {
    if (each.store == store) return &each;
  }
  return nullptr;
}

uint64_t bytes_of(const PlaintextFiles& files) {
  uint64_t out = 0;
  for (const auto& [name, size] : files) out += size;
  return out;
}

namespace {

bool has_problem_files(const Inventory& inventory) {
  return inventory.plaintext.files + inventory.unreadable.files + inventory.unknown_key.files > 0;
}

void advise(const StatusReport& report, Console& console) {
  const Inventory& inventory = report.inventory;
  if (has_problem_files(inventory)) console.note("coffer verify names the files in question");
  if (inventory.active.files + inventory.unknown_key.files < inventory.encrypted.files) {
    console.note("coffer rewrap brings the other files under active keys");
  }
  // What somebody else wrote is in the report.
  if (!inventory.kept.is_ok() && report.kept_counts.is_ok()) {
    console.note("the next status has to count anew: " + inventory.kept.to_string());
  }
}

// Where paths are named, where it is asked for, and where that is as quick or nothing is known, every file is looked
// at.
Status count_files(Coffer& coffer, const Arguments& arguments, StatusReport& report) {
  const std::vector<std::string>& paths = arguments.list("PATH");
  const bool anew = arguments.has("--recount");
  if (paths.empty() && !anew) {
    auto kept = kept_inventory(coffer);
    report.kept_counts = kept.status();
    report.recounted = !kept.is_ok() || !*kept;
    if (!report.recounted) report.inventory = std::move(**kept);
  }
  if (report.recounted) {
    const auto keep = anew ? FileCounts::Keep::kAlways : FileCounts::Keep::kIfMany;
    COFFER_ASSIGN(report.inventory, take_inventory(coffer, paths, keep));
  }
  report.transitions = stores_in_transition(coffer);
  return Status::ok();
}

Result<StatusReport> make_report(Coffer& coffer, const Arguments& arguments) {
  StatusReport report;
  report.directory = coffer.directory();
  report.keyring = coffer.keyring();
  for (const StoreEntry& store : report.keyring->stores()) {
    if (store.confirmed || coffer.stores().is_present(store)) report.stores.push_back(store);
  }
  report.config = coffer.config();
  report.providers = provider_config_of(coffer);
  report.now = now_seconds();
  report.header = *coffer.live_keyring().header();
  if (coffer.freshness() != nullptr) {
    COFFER_ASSIGN(report.marks, coffer.freshness()->load());
  }
  report.looked_at_stores = coffer.at_home().is_ok() || !arguments.list("PATH").empty();
  if (report.looked_at_stores) COFFER_TRY(count_files(coffer, arguments, report));
  report.counts = coffer.usage().total();
  report.last_refresh = coffer.live_keyring().refresh();
  report.root_key = coffer.live_keyring().check_root();
  report.root = standing_after(coffer, report.root_key, report.now);
  report.key_memory = key_memory();
  if (auto runs = read_runs(coffer.disk(), coffer.directory()); runs.is_ok()) report.runs = std::move(*runs);
  report.with_history = arguments.has("--history");
  return report;
}

Result<Outcome> run_status(const Arguments& arguments, Console& console) {
  if (arguments.has("--recount") && !arguments.list("PATH").empty()) {
    return {Code::kInvalidArgument,
            "--recount counts all files of the coffer: leave PATH out; what is named by PATH is "
            "counted anew in any case"};
  }
  COFFER_ASSIGN(auto coffer, open_coffer_for_paths(arguments, arguments.list("PATH")));
  COFFER_ASSIGN(const StatusReport report, make_report(*coffer, arguments));
  console.answer(status_json(report),
                 status_heading(report) + "\n" + status_keys(report) + "\n" + status_totals(report));
  advise(report, console);
  if (!report.looked_at_stores) {
    console.note(advice_for(coffer->at_home()).message + ": its stores were not looked at");
  }
  const bool sound = !has_problem_files(report.inventory) && report.inventory.missing_stores.empty() &&
                     report.transitions.empty() && report.last_refresh.is_ok() && report.root_key.is_ok() &&
                     report.counts.is_ok() && report.kept_counts.is_ok() && report.looked_at_stores;
  return sound ? Outcome::kDone : Outcome::kProblemsFound;
}

}  // namespace

Command status_command() {
  return {
      .name = "status",
      .about = "shows which keys protect which files, how old they are, and how much is under the active ones",
      .operands = {coffer_operand(), paths_operand()},
      .flags = {{"--history", "", "also keys that protect nothing any more"},
                {"--recount", "", "look at every file, also where there are so many that their counts are kept"},
                as_flag(),
                root_flag()},
      .examples = {"status /var/lib/db.coffer", "status /var/lib/db.coffer /var/lib/db --json"},
      .run = run_status,
  };
}

}  // namespace coffer::cli
