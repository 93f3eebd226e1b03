#include "coffer/ops/metrics.h"

#include "coffer/base/clock.h"
#include "coffer/ops/metric_text.h"
#include "coffer/ops/root_standing.h"

namespace coffer {
namespace {

uint64_t rest(uint64_t limit, uint64_t used) { return limit > used ? limit - used : 0; }

struct KeyMetrics {
  MetricText seals{"coffer_key_seals_total", "counter", "Headers of files that the key sealed."};
  MetricText bytes{"coffer_key_written_bytes_total", "counter", "Plaintext written under the key."};
  MetricText age{"coffer_key_age_seconds", "gauge", "Since the key was made."};
  MetricText seconds_left{"coffer_key_seconds_left", "gauge", "Until an active key is rotated by its age."};
  MetricText seals_left{"coffer_key_seals_left", "gauge", "Until an active key is rotated by max_seals."};
  MetricText bytes_left{"coffer_key_bytes_left", "gauge", "Until an active key is rotated by max_bytes."};

  void add(const Domain& domain, const DomainKeyEntry& key, const KeyPolicy& policy, const KeyCounts& counts,
           uint64_t now) {
    const MetricLabels labels = labels_of(domain, key);
    seals.add(labels, counts.seals);
    bytes.add(labels, counts.bytes);
    age.add(labels, rest(now, key.created));
    if (key.state != KeyState::kActive) return;
    const KeyBudget left = budget_left(key, policy, counts, now);
    if (left.seconds) seconds_left.add(labels, *left.seconds);
    if (left.seals) seals_left.add(labels, *left.seals);
    if (left.bytes) bytes_left.add(labels, *left.bytes);
  }
  std::string text() const {
    return seals.text() + bytes.text() + age.text() + seconds_left.text() + seals_left.text() + bytes_left.text();
  }
};

std::string condition_text(const KeyringCondition& condition, const RootStanding& standing) {
  MetricText version("coffer_keyring_version", "gauge", "Of the keyring in use.");
  version.add({}, condition.version);
  MetricText stale("coffer_keyring_refresh_failed", "gauge", "1 while a newer keyring cannot be taken up.");
  stale.add({}, condition.last_refresh.is_ok() ? 0 : 1);
  MetricText copied("coffer_keyring_copy_in_use", "gauge",
                    "1 while the coffer is open by this node's copy, since etcd has not answered.");
  copied.add({}, condition.copied != 0 ? 1 : 0);
  MetricText replaced("coffer_keyring_replaced_readable", "gauge",
                      "1 while etcd still has keyrings that were replaced, destroyed keys among them.");
  replaced.add({}, condition.replaced.is_ok() ? 0 : 1);
  MetricText root("coffer_root_key", "gauge", "1 for what the root key was found to be at the last look.");
  const RootTrouble found = standing.outlook.trouble;
  root.add({{"state", "ok"}}, found == RootTrouble::kNone ? 1 : 0);
  root.add({{"state", "unreachable"}}, found == RootTrouble::kUnreachable ? 1 : 0);
  root.add({{"state", "revoked"}}, found == RootTrouble::kRevoked ? 1 : 0);
  MetricText since("coffer_root_key_trouble_since_seconds", "gauge", "Unix time; 0 while all is well.");
  since.add({}, standing.outlook.since);
  MetricText until("coffer_root_key_grace_until_seconds", "gauge",
                   "Unix time until which work goes on without the root key; 0 while all is well.");
  until.add({}, standing.outlook.from);
  MetricText answered("coffer_root_key_answered_seconds", "gauge",
                      "Unix time of the last look that found the root key well; 0: not known.");
  answered.add({}, standing.answered);
  MetricText local("coffer_local_unlock_in_use", "gauge", "1 while the coffer is open without its root key.");
  local.add({}, standing.opened_locally ? 1 : 0);
  MetricText copy_until("coffer_local_unlock_until_seconds", "gauge",
                        "Unix time until which this machine's copy opens the coffer; 0: there is none.");
  copy_until.add({}, standing.copy_until);
  return version.text() + stale.text() + copied.text() + replaced.text() + root.text() + since.text() + until.text() +
         answered.text() + local.text() + copy_until.text();
}

std::string rollouts_metric(const Keyring& keyring) {
  MetricText out("coffer_rollouts", "gauge", "Rotations that some nodes use first.");
  const auto halted = static_cast<uint64_t>(std::ranges::count_if(keyring.rollouts(), &Rollout::is_halted));
  out.add({{"state", "running"}}, keyring.rollouts().size() - halted);
  out.add({{"state", "halted"}}, halted);
  return out.text();
}

}  // namespace

KeyBudget budget_left(const DomainKeyEntry& key, const KeyPolicy& policy, const KeyCounts& counts, uint64_t now) {
  KeyBudget out;
  const uint64_t age = rest(now, key.activated);
  const auto leave = [&out](std::optional<uint64_t>& of, uint64_t limit, uint64_t used) {
    const uint64_t left = rest(limit, used);
    of = std::min(of.value_or(UINT64_MAX), left);
    const auto percent =
        limit == 0 ? 0 : static_cast<uint64_t>(100.0 * static_cast<double>(left) / static_cast<double>(limit));
    out.percent = std::min(out.percent.value_or(100), percent);
  };
  if (policy.rotation_period) leave(out.seconds, *policy.rotation_period, age);
  if (key.expires != 0) leave(out.seconds, rest(key.expires, key.activated), age);
  if (policy.max_seals) leave(out.seals, *policy.max_seals, counts.seals);
  if (policy.max_bytes) leave(out.bytes, *policy.max_bytes, counts.bytes);
  return out;
}

Result<std::string> prometheus_text(Coffer& coffer, const KeyringCondition& condition) {
  COFFER_ASSIGN(const CountsByKey counts, coffer.usage().total());
  COFFER_ASSIGN(const Config config, coffer.present_config());
  const auto keyring = coffer.keyring();
  KeyMetrics keys;
  for (const Domain& domain : keyring->domains()) {
    for (const DomainKeyEntry& key : domain.keys) {
      const auto counted = counts.find(key.id);
      if (key.state == KeyState::kDestroyed || (key.state != KeyState::kActive && counted == counts.end())) continue;
      keys.add(domain, key, config.policy.of(domain.name), counted == counts.end() ? KeyCounts() : counted->second,
               now_seconds());
    }
  }
  return condition_text(condition, root_standing(coffer, condition, now_seconds())) +
         rollouts_metric(*keyring) + keys.text();
}

}  // namespace coffer
