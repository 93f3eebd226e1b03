#include "coffer/store/root_record.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "coffer/store/kept_file.h"

namespace coffer {
namespace {

using RecordJson = nlohmann::json;

constexpr size_t kRecordSizeMax = size_t{1} << 20;
constexpr size_t kRecordedMachinesMax = 64;
// Of a root key that is well no more is written than this often, in seconds: each program that is opened has a look.
constexpr uint64_t kAnsweredStep = 30;

std::string path_in(const std::string& directory) { return directory + "/" + std::string(kRootRecordName); }

RecordJson record_json(const RootRecord& record) {
  RecordJson copy = nullptr;
  if (!record.copy_path.empty()) copy = {{"answered", record.copy_answered}, {"path", record.copy_path}};
  return {{"answered", record.sighting.answered},
          {"copy", std::move(copy)},
          {"since", record.sighting.since},
          {"trouble", trouble_name(record.sighting.trouble)}};
}

// Of what is authentic. An exception for what this version of Coffer does not write.
RootRecord record_of(const RecordJson& json) {
  RootRecord out;
  out.sighting.answered = json.at("answered").get<uint64_t>();
  out.sighting.since = json.at("since").get<uint64_t>();
  for (const RootTrouble trouble : {RootTrouble::kUnreachable, RootTrouble::kRevoked}) {
    if (json.at("trouble").get<std::string>() == trouble_name(trouble)) out.sighting.trouble = trouble;
  }
  if (json.at("copy").is_null()) return out;
  out.copy_path = json.at("copy").at("path").get<std::string>();
  out.copy_answered = json.at("copy").at("answered").get<uint64_t>();
  return out;
}

std::string record_text(const RecordJson& json) {
  return json.dump(-1, ' ', false, RecordJson::error_handler_t::replace);
}

Result<std::string> mac_of_records(const RecordJson& machines, const Keyring& keyring) {
  COFFER_ASSIGN(const Sha256 mac, keyring.authenticate("coffer/v1 outage", record_text(machines)));
  return to_hex(mac);
}

uint64_t last_heard(const RootRecord& record) { return std::max(record.sighting.since, record.sighting.answered); }

void forget_least_recent(RootRecords& records) {
  while (records.size() > kRecordedMachinesMax) {
    records.erase(std::ranges::min_element(
        records, {}, [](const RootRecords::value_type& each) { return last_heard(each.second); }));
  }
}

}  // namespace

void RootRecord::add(const RootSighting& seen) {
  const bool goes_on = sighting.trouble == seen.trouble && sighting.since != 0;
  const uint64_t answered_before = sighting.answered, since_before = sighting.since;
  const bool is_well = sighting.trouble == RootTrouble::kNone && seen.trouble == RootTrouble::kNone;
  if (is_well && seen.answered >= answered_before && seen.answered - answered_before < kAnsweredStep) return;
  sighting = seen;
  if (seen.trouble == RootTrouble::kNone) return;
  if (goes_on) sighting.since = std::min(since_before, seen.since);
  sighting.answered = std::max(answered_before, seen.answered);
}

bool RootRecord::operator==(const RootRecord& other) const {
  return sighting.trouble == other.sighting.trouble && sighting.since == other.sighting.since &&
         sighting.answered == other.sighting.answered && copy_path == other.copy_path &&
         copy_answered == other.copy_answered;
}

Result<RootRecords> read_root_records(Disk& disk, const std::string& directory, const Keyring& keyring) {
  const std::string path = path_in(directory);
  const auto text = read_file(disk, path, kRecordSizeMax);
  if (text.code() == Code::kNotFound) return RootRecords();
  COFFER_TRY(text.status());
  const Status not_ours(Code::kTampered, path + ": was changed by something other than Coffer; remove it");
  const auto json = RecordJson::parse(as_text(*text), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.size() != 2 || !json.contains("machines") || !json["machines"].is_object() ||
      !json.contains("mac") || !json["mac"].is_string()) {
    return not_ours;
  }
  COFFER_ASSIGN(const std::string mac, mac_of_records(json["machines"], keyring));
  if (!equal_constant_time(as_bytes(mac), as_bytes(json["mac"].get<std::string>()))) return not_ours;
  RootRecords out;
  try {
    for (const auto& [machine, record] : json["machines"].items()) out[machine] = record_of(record);
  } catch (const RecordJson::exception&) {
    return {Code::kUnsupported, path + ": a later version of Coffer wrote it; remove it to have it made anew"};
  }
  return out;
}

Status update_root_record(Disk& disk, const std::string& directory, const Keyring& keyring, const Id& machine,
                          const std::function<void(RootRecord&)>& change) {
  const KeptFile file(disk, directory, kRootRecordName);
  COFFER_ASSIGN(const auto lock, file.lock());
  remove_leftovers(disk, file.path());
  auto read = read_root_records(disk, directory, keyring);
  if (!read.is_ok() && read.code() != Code::kTampered) return read.status();
  RootRecords records = read.is_ok() ? std::move(*read) : RootRecords();
  const RootRecord before = records[machine.hex()];
  change(records[machine.hex()]);
  if (read.is_ok() && records[machine.hex()] == before) return Status::ok();
  forget_least_recent(records);
  RecordJson machines = RecordJson::object();
  for (const auto& [name, record] : records) machines[name] = record_json(record);
  RecordJson json = {{"machines", std::move(machines)}};
  COFFER_ASSIGN(json["mac"], mac_of_records(json["machines"], keyring));
  return file.replace(as_bytes(record_text(json) + "\n"));
}

}  // namespace coffer
