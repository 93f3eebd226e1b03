#include "coffer/ops/policy.h"

#include <algorithm>

#include "coffer/base/clock.h"
#include "coffer/base/period.h"
#include "coffer/ops/due_destruction.h"

namespace coffer {
namespace {

// NIST SP 800-57 part 1 (rev. 5), section 5.3.6: symmetric key-wrapping keys are to originate for two years at most.
constexpr uint64_t kOriginatorPeriodMax = uint64_t{2} * 365 * 86400;
constexpr uint64_t kKeysPerDomainMax = 65535;
constexpr uint64_t kRewriteOften = uint64_t{30} * 86400;

Result<Policy> present_policy(Coffer& coffer) {
  COFFER_ASSIGN(Config config, coffer.present_config());
  COFFER_TRY(coffer.live_keyring().refresh());
  COFFER_TRY(check_domains(config, *coffer.keyring()));
  return std::move(config.policy);
}

bool may_need_rewrap(const Keyring& keyring, const Policy& policy, uint64_t now) {
  return !due_rewraps(
              keyring, policy, [](const Id&) { return true; }, now)
              .empty();
}

Result<std::vector<DueAction>> find_due_rewraps(Coffer& coffer, const Policy& policy) {
  const auto keyring = coffer.keyring();
  const uint64_t now = now_seconds();
  // Headers are read only where one of them may matter.
  if (!may_need_rewrap(*keyring, policy, now)) return std::vector<DueAction>();
  COFFER_ASSIGN(const Inventory inventory, take_inventory(coffer, {}));
  return due_rewraps(
      *keyring, policy, [&](const Id& key) { return inventory.by_key.contains(key); }, now);
}

Finding advice(std::string what, std::string why, std::string remedy) {
  return {false, std::move(what), std::move(why), std::move(remedy)};
}

void examine(const std::string& whose, const KeyPolicy& policy, Findings& out) {
  if (!policy.rotation_period) {
    out.push_back(advice(whose + "rotation_period is off", "one key protects more and more files, for ever",
                         "choose a time, as 7d"));
  } else if (*policy.rotation_period > kOriginatorPeriodMax) {
    out.push_back(advice(whose + "rotation_period is " + period_text(*policy.rotation_period),
                         "NIST SP 800-57 has a key wrap for two years at most", "choose a shorter time, as 30d"));
  } else if (*policy.rotation_period < 3600) {
    out.push_back(advice(whose + "rotation_period is " + period_text(*policy.rotation_period),
                         "a domain has room for 65535 keys, which is enough for " +
                             period_text(*policy.rotation_period * kKeysPerDomainMax / 86400 * 86400),
                         "choose a longer time, as 12h"));
  }
  if (policy.rotation_period && policy.old_files == OldFiles::kLazy) {
    out.push_back(advice(whose + "old_files is lazy",
                         "old keys stay needed for as long as the engine keeps their files",
                         "choose rewrap, and let coffer agent run"));
  }
  if (policy.old_files != OldFiles::kReencrypt) return;
  if (policy.rotation_period && *policy.rotation_period < kRewriteOften) {
    out.push_back(
        advice(whose + "old_files is reencrypt and rotation_period is " + period_text(*policy.rotation_period),
               "all data is written anew as often as that",
               "choose rewrap, which replaces headers only, or a longer time, as 90d"));
  }
}

// Where the process is to outlive an outage, a restart in one should.
void examine_unlock(const Config& config, Findings& out) {
  if (!config.local_unlock) return;
  const RootPolicy& root = config.policy.root;
  if (root.outage_grace == 0) {
    out.push_back(advice("policy: local_unlock: outage_grace is 0", "the copy that is kept opens nothing",
                         "give outage_grace a time, or take local_unlock out"));
  }
  if (config.local_unlock->key.scheme == "file") {
    out.push_back(advice("policy: local_unlock: key is a key file",
                         "who copies that file and the copy opens the coffer anywhere, until domains are rotated",
                         "take a key that this machine's TPM seals: tpm:/PATH?create=true"));
  }
  if (root.on_revoked == Reaction::kWarn) {
    out.push_back(advice("policy: local_unlock: on_revoked is warn",
                         "the copy is given up when the root key is revoked, but the program goes on",
                         "on_revoked: fence"));
  }
}

}  // namespace

Result<std::vector<DueAction>> plan_policy(Coffer& coffer) {
  COFFER_TRY(coffer.at_home());
  COFFER_ASSIGN(const Policy policy, present_policy(coffer));
  COFFER_ASSIGN(const CountsByKey counts, coffer.usage().total());
  std::vector<DueAction> due = due_rotations(*coffer.keyring(), policy, counts, now_seconds());
  COFFER_ASSIGN(std::vector<DueAction> rewraps, find_due_rewraps(coffer, policy));
  std::move(rewraps.begin(), rewraps.end(), std::back_inserter(due));
  std::vector<FileProblem> unsaid;  // applying it says so
  COFFER_ASSIGN(std::vector<DueAction> destructions, find_due_destructions(coffer, policy, unsaid));
  std::move(destructions.begin(), destructions.end(), std::back_inserter(due));
  return due;
}

Result<std::vector<DueReencryption>> plan_reencryption(Coffer& coffer) {
  COFFER_TRY(coffer.at_home());
  COFFER_ASSIGN(const Policy policy, present_policy(coffer));
  return find_due_reencryptions(coffer, policy);
}

Result<std::vector<OtherCiphers>> files_of_other_ciphers(Coffer& coffer) {
  COFFER_TRY(coffer.at_home());
  COFFER_ASSIGN(const Config config, coffer.present_config());
  const std::shared_ptr<const Keyring> keys = coffer.keyring();
  std::map<std::string, Usage> found;
  COFFER_TRY(visit_files(coffer, {}, [&](const InventoryFile& file) {
    if (file.empty || file.leads_outside || !file.status.is_ok()) return Status::ok();
    const EnvelopeFields& fields = file.scan.fields;
    const Domain* domain = keys->find_key(fields.domain_key_id).domain;
    if (domain == nullptr || !is_of_other_cipher(fields, domain->name, config)) return Status::ok();
    Usage& usage = found[domain->name];
    ++usage.files;
    usage.bytes += file.size;
    return Status::ok();
  }));
  std::vector<OtherCiphers> out;
  for (const auto& [domain, usage] : found) out.push_back({domain, usage});
  return out;
}

Result<PolicyRun> apply_policy(Coffer& coffer, const EngineAtRest& engine) {
  COFFER_TRY(coffer.at_home());
  COFFER_TRY(coffer.live_keyring().may_change_files());
  auto lock = coffer.disk().lock(coffer.directory() + "/policy.lock", false);
  if (lock.code() == Code::kBusy) {
    return {Code::kBusy, "another process applies the policy of " + coffer.directory() + "; wait for it to end"};
  }
  COFFER_TRY(lock.status());
  COFFER_ASSIGN(const Policy policy, present_policy(coffer));
  PolicyRun out;
  const auto counts = coffer.usage().total();
  COFFER_ASSIGN(out.done, rotate_due(coffer.live_keyring(), policy, counts.is_ok() ? *counts : CountsByKey()));
  // What a closed key group keeps from being done is a problem, and not the end of the run.
  for (const DueAction& action : out.done) {
    if (!action.refused.is_ok()) out.problems.push_back({coffer.directory(), action.refused});
  }
  std::erase_if(out.done, [](const DueAction& action) { return !action.refused.is_ok(); });
  COFFER_ASSIGN(out.rollouts, coffer.rollouts().go_on(policy));
  // Only now: keys grow old even where nothing can be counted.
  COFFER_TRY(counts.status());
  COFFER_ASSIGN(const std::vector<DueAction> rewraps, find_due_rewraps(coffer, policy));
  for (const DueAction& action : rewraps) {
    COFFER_ASSIGN(RewrapReport report, rewrap(coffer, {}, RewrapOptions{.domain = action.domain}, nullptr));
    std::move(report.problems.begin(), report.problems.end(), std::back_inserter(out.problems));
    out.done.push_back(action);
  }
  if (engine.records != nullptr) {
    COFFER_ASSIGN(out.reencrypted, reencrypt_what_is_due(coffer, policy, engine, out.problems));
  }
  COFFER_ASSIGN(const std::vector<DueAction> destructions, destroy_what_is_due(coffer, policy, out.problems));
  out.done.insert(out.done.end(), destructions.begin(), destructions.end());
  return out;
}

Findings examine_policy(const Config& config) {
  Findings out;
  examine("policy: ", config.policy.all, out);
  for (const auto& [domain, policy] : config.policy.domains) {
    if (policy != config.policy.all) examine("policy: domains: " + domain + ": ", policy, out);
  }
  const bool rewrites = config.policy.all.old_files == OldFiles::kReencrypt ||
                        std::ranges::any_of(config.policy.domains, [](const auto& own) {
                          return own.second.old_files == OldFiles::kReencrypt;
                        });
  if (rewrites && !config.policy.reencrypt_rate) {
    out.push_back(advice("policy: old_files is reencrypt and there is no reencrypt_rate",
                         "a re-encryption takes all that the disk can give, also from who serves",
                         "choose one, as 50MB/s"));
  }
  examine_unlock(config, out);
  if (config.anchor.empty()) {
    out.push_back(advice("there is no anchor", "an older keyring that is put back undoes rotations unseen",
                         "name one with anchor: /path/on/another/disk"));
  }
  return out;
}

}  // namespace coffer
