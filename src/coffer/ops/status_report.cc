#include "coffer/ops/status_report.h"

#include "coffer/base/clock.h"
#include "coffer/ops/audit.h"
#include "coffer/ops/stores.h"

namespace coffer {
namespace {

// Where paths are named, where it is asked for, and where that is as quick or nothing is known, every file is looked
// at.
Status count_files(Coffer& coffer, const StatusOptions& options, StatusReport& report) {
  if (options.paths.empty() && !options.recount) {
    auto kept = kept_inventory(coffer);
    report.kept_counts = kept.status();
    report.recounted = !kept.is_ok() || !*kept;
    if (!report.recounted) report.inventory = std::move(**kept);
  }
  if (report.recounted) {
    const auto keep = options.recount ? FileCounts::Keep::kAlways : FileCounts::Keep::kIfMany;
    COFFER_ASSIGN(report.inventory, take_inventory(coffer, options.paths, keep));
  }
  report.transitions = stores_in_transition(coffer);
  return Status::ok();
}

}  // namespace

Result<StatusReport> make_status_report(Coffer& coffer, const StatusOptions& options) {
  StatusReport report;
  report.directory = coffer.directory();
  report.keyring = coffer.keyring();
  for (const StoreEntry& store : coffer.places().stores(*report.keyring)) {
    if (store.confirmed || coffer.stores().is_present(store)) report.stores.push_back(store);
  }
  const std::string node = coffer.places().node(*report.keyring);
  for (const StoreEntry& store : report.keyring->stores()) {
    if (!store.is_of(node) && matters_elsewhere(*report.keyring, store)) report.stores_elsewhere.push_back(store);
  }
  report.config = coffer.config();
  report.providers = provider_config_of(coffer);
  report.now = now_seconds();
  report.header = *coffer.live_keyring().header();
  if (coffer.freshness() != nullptr) {
    COFFER_ASSIGN(report.marks, coffer.freshness()->load());
  }
  report.looked_at_stores = coffer.at_home().is_ok() || !options.paths.empty();
  if (report.looked_at_stores) COFFER_TRY(count_files(coffer, options, report));
  report.counts = coffer.usage().total();
  report.last_refresh = coffer.live_keyring().refresh();
  const KeyringCondition condition = coffer.live_keyring().condition();
  report.keyring_at = coffer.live_keyring().name();
  report.audit_log = audit_log_warning(coffer);
  report.copied = condition.copied;
  report.root_key = options.ask_root ? coffer.live_keyring().check_root() : condition.root_key;
  report.root = options.ask_root ? standing_after(coffer, report.root_key, report.now)
                                 : root_standing(coffer, condition, report.now);
  if (options.ask_root) report.node_slots = coffer.live_keyring().node_slot_standing();
  report.key_memory = key_memory();
  if (auto runs = read_runs(coffer.disk(), coffer.directory()); runs.is_ok()) report.runs = std::move(*runs);
  report.with_history = options.with_history;
  return report;
}

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

StoreUsage usage_of(const StatusReport& report, const StoreEntry& store) {
  const auto found = report.inventory.by_store.find(store.id);
  return found == report.inventory.by_store.end() ? StoreUsage{} : found->second;
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

std::string elsewhere_text(const StatusReport& report) {
  constexpr size_t kNamed = 5;
  std::map<std::string, size_t> counts;
  for (const StoreEntry& store : report.stores_elsewhere) ++counts[store.node];
  if (counts.empty()) return "";
  const size_t all = report.stores_elsewhere.size();
  std::string out = std::to_string(all) + (all == 1 ? " store" : " stores") + " of other nodes: ";
  size_t named = 0;
  for (const auto& [node, count] : counts) {
    if (named == kNamed) break;
    out += (named++ > 0 ? ", " : "") + node + " (" + std::to_string(count) +
           (report.keyring->find_node(node) == nullptr ? ", not listed any more)" : ")");
  }
  if (counts.size() > named) out += " and " + std::to_string(counts.size() - named) + " more";
  return out;
}

uint64_t bytes_of(const PlaintextFiles& files) {
  uint64_t out = 0;
  for (const auto& [name, size] : files) out += size;
  return out;
}

}  // namespace coffer
