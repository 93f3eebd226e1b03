#include "coffer/ops/due_reencryption.h"

#include <algorithm>

#include "coffer/base/clock.h"
#include "coffer/store/runs.h"

namespace coffer {
namespace {

// The keys of a domain of which it is due, by number.
struct DueKeys {
  std::map<uint32_t, const DomainKeyEntry*> compromised, old;
};

class ReencryptionPlan {
 public:
  ReencryptionPlan(Coffer& coffer, const Policy& policy)
      : coffer_(coffer), policy_(policy), keyring_(coffer.keyring()), now_(now_seconds()) {}

  Result<std::vector<DueReencryption>> find() {
    find_keys();
    if (keys_.empty()) return std::vector<DueReencryption>();
    for (const std::string& store : remembered_stores(coffer_)) {
      found_.clear();
      COFFER_TRY(visit_files(coffer_, {store}, [&](const InventoryFile& file) {
        if (!file.empty && file.status.is_ok() && !file.leads_outside) count(file);
        return Status::ok();
      }));
      for (auto& [key, due] : found_) {
        due.store = store;
        out_.push_back(std::move(due));
      }
    }
    std::stable_partition(out_.begin(), out_.end(), [](const DueReencryption& due) { return due.is_compromised; });
    return std::move(out_);
  }

 private:
  void find_keys() {
    for (const Domain& domain : keyring_->domains()) {
      const KeyPolicy& wanted = policy_.of(domain.name);
      DueKeys due;
      for (const DomainKeyEntry& key : domain.keys) {
        if (!is_reencryption_due(domain, key, wanted, now_)) continue;
        (key.compromised != 0 ? due.compromised : due.old).emplace(key.version, &key);
      }
      if (!due.compromised.empty() || !due.old.empty()) keys_.emplace(domain.name, std::move(due));
    }
  }

  // Once it is done for one key it is for all.
  void count(const InventoryFile& file) {
    const EnvelopeFields& fields = file.scan.fields;
    const Domain* domain = keyring_->find_key(fields.domain_key_id).domain;
    const auto due = domain != nullptr ? keys_.find(domain->name) : keys_.end();
    if (due == keys_.end()) return;
    for (const auto* keys : {&due->second.compromised, &due->second.old}) {
      const auto key = keys->lower_bound(fields.oldest_key_version);
      if (key == keys->end() || key->first > fields.newest_key_version) continue;
      count(file, *domain, *key->second);
      return;
    }
  }

  void count(const InventoryFile& file, const Domain& domain, const DomainKeyEntry& key) {
    DueReencryption& due = found_[{domain.name, key.version}];
    if (due.files == 0) {
      due.domain = domain.name;
      due.key_version = key.version;
      due.is_compromised = key.compromised != 0;
      due.why = why_reencrypt(key, policy_.of(domain.name), now_);
    }
    ++due.files;
    due.bytes += file.size;
  }

  Coffer& coffer_;
  const Policy& policy_;
  const std::shared_ptr<const Keyring> keyring_;
  const uint64_t now_;
  std::map<std::string, DueKeys> keys_;                                // by domain
  std::map<std::pair<std::string, uint32_t>, DueReencryption> found_;  // of the store at hand
  std::vector<DueReencryption> out_;
};

using Due = std::vector<DueReencryption>;

// All of one store and one urgency: one walk through its files does them.
Status reencrypt_due(Coffer& coffer, const Policy& policy, std::span<const DueReencryption> due,
                     const EngineAtRest& engine, std::vector<FileProblem>& problems) {
  ReencryptOptions options{.keys = CondemnedKeys(), .role_of = engine.role_of, .records = engine.records};
  for (const DueReencryption& each : due) options.keys->add(each.domain, each.key_version);
  RateFile rates(coffer.disk(), coffer.directory() + "/reencrypt.rate", {}, policy.reencrypt_rate);
  options.pace.rate = [&] { return rates.now(); };
  const std::string keys = due.size() == 1 ? "key " + due[0].key() : std::to_string(due.size()) + " keys";
  Run run(coffer.disk(), coffer.directory(), "reencrypt", keys + " in " + due[0].store);
  const auto progress_of = [](const ReencryptReport& report) {
    return Run::Progress{report.files_to_do, report.reencrypted, report.bytes_to_do, report.bytes};
  };
  auto report =
      reencrypt(coffer, {due[0].store}, options, [&](const ReencryptReport& so_far) { run.tell(progress_of(so_far)); });
  if (!report.is_ok()) {
    run.fail(report.status());
    return report.status();
  }
  run.end(progress_of(*report), report->problems.size(), false);
  std::move(report->problems.begin(), report->problems.end(), std::back_inserter(problems));
  return Status::ok();
}

}  // namespace

Result<std::vector<DueReencryption>> find_due_reencryptions(Coffer& coffer, const Policy& policy) {
  return ReencryptionPlan(coffer, policy).find();
}

Result<std::vector<DoneReencryption>> reencrypt_what_is_due(Coffer& coffer, const Policy& policy,
                                                            const EngineAtRest& engine,
                                                            std::vector<FileProblem>& problems) {
  COFFER_ASSIGN(const Due due, find_due_reencryptions(coffer, policy));
  std::vector<DoneReencryption> out;
  for (auto begin = due.begin(); begin != due.end();) {
    const auto end = std::find_if(begin, due.end(), [&](const DueReencryption& each) {
      return each.store != begin->store || each.is_compromised != begin->is_compromised;
    });
    const Status status = reencrypt_due(coffer, policy, {begin, end}, engine, problems);
    for (; begin != end; ++begin) out.push_back({*begin, status});
  }
  return out;
}

}  // namespace coffer
