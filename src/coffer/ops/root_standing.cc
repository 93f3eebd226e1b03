#include "coffer/ops/root_standing.h"

#include <algorithm>

#include "coffer/base/path.h"
#include "coffer/base/period.h"
#include "coffer/io/trusted_path.h"
#include "coffer/store/local_copy.h"
#include "coffer/store/root_record.h"

namespace coffer {
namespace {

uint64_t later(uint64_t begin, uint64_t by) { return by > UINT64_MAX - begin ? UINT64_MAX : begin + by; }

// Of this machine; else of the one that was heard of last: a container may not know its host's id. Null: nothing.
const RootRecord* record_for_here(const RootRecords& records) {
  if (records.empty()) return nullptr;
  const auto machine = own_machine_id();
  const auto own = machine.is_ok() ? records.find(machine->hex()) : records.end();
  if (own != records.end()) return &own->second;
  return &std::ranges::max_element(records, {}, [](const RootRecords::value_type& each) {
            return std::max(each.second.sighting.since, each.second.sighting.answered);
          })->second;
}

std::string device_neighbour(Disk& disk, const std::string& path, const std::string& other) {
  const auto first = disk.info(path), second = disk.info(other);
  return first.is_ok() && second.is_ok() && first->device == second->device ? other : "";
}

void examine_place(const Coffer& coffer, const LocalUnlock& local, Findings& out) {
  Disk& disk = coffer.disk();
  const std::string why =
      "no copy can be kept, or none that is believed: a restart in an outage does not open the coffer";
  if (const Status place = check_only_owner_changes(disk, local.directory); !place.is_ok()) {
    out.push_back({true, "policy: local_unlock: directory: " + place.to_string(), why,
                   "make it, for the user who serves alone: install -d -m 700 -o USER " + local.directory});
  }
  for (const auto keyring = coffer.keyring(); const StoreEntry& store : coffer.places().stores(*keyring)) {
    if (!is_within(local.directory, coffer.places().here(store.path))) continue;
    out.push_back({true, "policy: local_unlock: " + local.directory + " is in the store " + store.path,
                   "backups of the store take the copy along", "name another directory"});
  }
  if (local.key.scheme != "file" || device_neighbour(disk, local.key.path, coffer.directory()).empty()) return;
  out.push_back({false, local.key.path + ": the key of the local unlock is on the keyring's file system",
                 "who has this disk, or a snapshot of it, opens the coffer without the root key, revoked or not",
                 "take a key that a TPM seals, tpm:/PATH, or another file system"});
}

}  // namespace

RootStanding root_standing(const Coffer& coffer, const KeyringCondition& condition, uint64_t now) {
  RootStanding out;
  const auto config = coffer.present_config();
  const Config& current = config.is_ok() ? *config : coffer.config();
  out.opened_locally = condition.opened_locally;
  out.answered = condition.root_key_answered;
  out.may_open_locally = current.local_unlock.has_value();
  const RootTrouble trouble = root_trouble(condition.root_key);
  uint64_t since = condition.root_key_since != 0 ? condition.root_key_since : now;
  const auto records = read_root_records(coffer.disk(), coffer.directory(), *coffer.keyring());
  const RootRecord* record = records.is_ok() ? record_for_here(*records) : nullptr;
  if (record != nullptr) {
    out.is_recorded = trouble != RootTrouble::kNone && record->sighting.trouble == trouble;
    if (out.is_recorded && record->sighting.since != 0) since = std::min(since, record->sighting.since);
    out.answered = std::max(out.answered, record->sighting.answered);
    out.copy_path = record->copy_path;
    out.copy_answered = record->copy_answered;
    if (!out.copy_path.empty()) out.copy_until = later(out.copy_answered, current.policy.root.outage_grace);
  }
  out.outlook = root_outlook(condition.root_key, since, current.policy.root);
  return out;
}

RootStanding standing_after(const Coffer& coffer, const Status& found, uint64_t now) {
  KeyringCondition condition = coffer.live_keyring().condition();
  condition.root_key = found;
  // When it opened the coffer is no answer to what it has looked at since.
  condition.root_key_answered = found.is_ok() || condition.opened_locally ? condition.root_key_answered : 0;
  return root_standing(coffer, condition, now);
}

Findings examine_local_unlock(const Coffer& coffer, uint64_t now) {
  Findings out;
  const auto records = read_root_records(coffer.disk(), coffer.directory(), *coffer.keyring());
  if (!records.is_ok()) {
    out.push_back({true, "how the root key was found is not known: " + records.status().to_string(),
                   "nobody can say since when it is in trouble", "the next look of a program that serves replaces it"});
  }
  const RootStanding standing = root_standing(coffer, coffer.live_keyring().condition(), now);
  const auto config = coffer.present_config();
  const std::optional<LocalUnlock>& local = config.is_ok() ? config->local_unlock : coffer.config().local_unlock;
  const Id& id = coffer.config().coffer_id;
  const std::string wanted = local ? local->path_of(id) : "";
  for (const std::string& path : {standing.copy_path, LocalUnlock().path_of(id)}) {
    if (path.empty() || path == wanted || !coffer.disk().info(path).is_ok()) continue;
    out.push_back({true, path + ": a local unlock is left there, which coffer.yaml does not have any more",
                   "who has it and its key opens the coffer",
                   "remove it; a program that serves does at its next look"});
    break;
  }
  if (!local) return out;
  examine_place(coffer, *local, out);
  if (!coffer.disk().info(wanted).is_ok()) {
    out.push_back({false, wanted + ": no local unlock is kept yet", "a restart in an outage does not open the coffer",
                   "start a program that serves while the root key answers"});
  } else if (standing.copy_path == wanted && now >= standing.copy_until) {
    out.push_back({false, wanted + ": the local unlock ended at " + utc_text(standing.copy_until),
                   "a restart in an outage does not open the coffer",
                   "start a program that serves while the root key answers"});
  }
  return out;
}

}  // namespace coffer
