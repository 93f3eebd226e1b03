// The report, for machines.
#include <algorithm>
#include <cmath>

#include "coffer/base/clock.h"
#include "coffer/ops/key_questions.h"
#include "coffer/ops/rollouts.h"
#include "coffer/ops/status_report.h"

namespace coffer {
namespace {

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
                       {"group", group_json(*report.keyring, domain)},
                       {"files", whole.files},
                       {"bytes", whole.bytes},
                       {"active_files", active.files},
                       {"active_bytes", active.bytes},
                       {"active_percent", percent_json(active, whole)},
                       {"keys", std::move(keys)}});
  }
  return domains;
}

Json groups_json(const Keyring& keyring) {
  Json out = Json::array();
  auto domains = domains_by_group(keyring);
  for (const KeyGroup& group : keyring.groups()) {
    out.push_back({{"name", group.name}, {"roots", group_roots_json(group)}, {"domains", domains[group.number]}});
  }
  return out;
}

Json config_json(const Config& config) {
  Json out = {{"crypto", config.fips ? Json("fips") : Json(nullptr)},
              {"cipher", suite_info(config.suite).name},
              {"ctr_cipher", suite_info(config.ctr_suite).name},
              {"chunk_size", uint64_t{1} << config.chunk_log2},
              {"page_size", uint64_t{1} << config.page_log2},
              {"data_files", kind_name(config.data_kind)},
              {"log_files", kind_name(config.log_kind)},
              {"reads", read_mode_name(config.read_mode)},
              {"anchor", config.anchor.empty() ? Json(nullptr) : Json(config.anchor)},
              {"freshness", config.freshness}};
  Json domains = Json::array();
  for (const DomainPath& entry : config.domains) domains.push_back({{"name", entry.domain}, {"path", entry.path}});
  out["domains"] = std::move(domains);
  Json mariadb = Json::object();
  for (const auto& [id, domain] : config.mariadb_keys) mariadb[std::to_string(id)] = domain;
  out["mariadb_keys"] = std::move(mariadb);
  Json mounted = Json::array();
  for (const MountedFiles& rule : config.mounted_files) {
    mounted.push_back({{"match", rule.match}, {"kind", std::string(kind_name(rule.kind))}});
  }
  out["mounted_files"] = std::move(mounted);
  return out;
}

// null when nothing is wrong.
Json refresh_json(const Status& found) {
  if (found.is_ok()) return nullptr;
  return {{"code", code_name(found.code())}, {"message", found.message()}};
}

Json stores_json(const StatusReport& report) {
  Json out = Json::array();
  for (const StoreEntry& store : report.stores) {
    const MissingStore* missing = find_missing(report, store.id);
    const auto mark = report.marks.find(store.id);
    const StoreUsage usage = usage_of(report, store);
    out.push_back({{"id", store.id.hex()},
                   {"path", store.path},
                   {"node", store.node.empty() ? Json(nullptr) : Json(store.node)},
                   {"files", usage.encrypted.files},
                   {"bytes", usage.encrypted.bytes},
                   {"active_percent", percent_json(usage.active, usage.encrypted)},
                   {"mark_age_seconds",
                    mark == report.marks.end() ? Json(nullptr) : Json(seconds_since(mark->second.at, report.now))},
                   {"missing", missing != nullptr && missing->gone},
                   {"empty", missing != nullptr && !missing->gone}});
  }
  return out;
}

Json stores_elsewhere_json(const StatusReport& report) {
  Json out = Json::array();
  for (const StoreEntry& store : report.stores_elsewhere) {
    out.push_back({{"id", store.id.hex()}, {"path", store.path}, {"node", store.node}});
  }
  return out;
}

}  // namespace

Json status_json(const StatusReport& report) {
  Json roots = Json::array();
  for (const KeyringSlot& slot : report.header.slots) roots.push_back(slot_json(slot, report.providers));
  const Inventory& inventory = report.inventory;
  return {{"coffer", report.directory},
          {"id", report.header.coffer_id.hex()},
          {"keyring_version", report.header.version},
          {"keyring_at", report.keyring_at},
          {"keyring_refresh", refresh_json(report.last_refresh)},
          {"keyring_copy_of", report.copied == 0 ? Json(nullptr) : Json(report.copied)},
          {"audit_log_trouble", report.audit_log.empty() ? Json(nullptr) : Json(report.audit_log)},
          {"root_key_refused", refresh_json(report.root_key)},
          {"counts_refused", refresh_json(report.kept_counts)},
          {"counted_at", report.looked_at_stores ? Json(report.inventory.counted_at) : Json(nullptr)},
          {"recounted", report.looked_at_stores && report.recounted},
          {"usage_refused", refresh_json(report.counts.status())},
          {"root_key_trouble", root_trouble_json(report)},
          {"local_unlock", local_unlock_json(report.root)},
          {"node_slots", node_slots_json(report.node_slots)},
          {"key_memory",
           {{"locked_bytes", report.key_memory.secrets.locked_bytes},
            {"unlocked_bytes", report.key_memory.secrets.unlocked_bytes},
            {"openssl_keys", report.key_memory.openssl_keys}}},
          {"created", report.keyring->created()},
          {"updated", report.keyring->updated()},
          {"root_keys", std::move(roots)},
          {"config", config_json(report.config)},
          {"crypto", crypto_json(crypto_in_use(report.config.suite))},
          {"stores", stores_json(report)},
          {"stores_of_other_nodes", stores_elsewhere_json(report)},
          {"runs", runs_json(present_runs(report.runs))},
          {"groups", groups_json(*report.keyring)},
          {"rollouts", rollouts_json(*report.keyring)},
          {"questions", questions_json(*report.keyring)},
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

}  // namespace coffer
