#include "coffer/store/policy_watch.h"

#include <algorithm>

#include "coffer/base/clock.h"

namespace coffer {

namespace {

// Here nobody waits for who asks: while a keyring is changed, others do.
void open_groups_of(const std::vector<DueAction>& due, const LiveKeyring& keyring) {
  const auto snapshot = keyring.snapshot();
  for (const DueAction& action : due) {
    const Domain* domain = snapshot->find_domain(action.domain);
    const KeyGroup* group = domain != nullptr ? snapshot->group_of(*domain) : nullptr;
    // What fails is said of the domain.
    if (group != nullptr) [[maybe_unused]]
      const auto opened = keyring.groups().key_of(*group);
  }
}

bool all_refused(const std::vector<DueAction>& actions) {
  return std::ranges::none_of(actions, [](const DueAction& action) { return action.refused.is_ok(); });
}

}  // namespace

Result<std::vector<DueAction>> rotate_due(LiveKeyring& keyring, const Policy& policy, const CountsByKey& counts) {
  std::vector<DueAction> done = due_rotations(*keyring.snapshot(), policy, counts, now_seconds());
  if (done.empty()) return done;
  open_groups_of(done, keyring);
  const Status updated = keyring.update([&](Keyring& next) -> Status {
    COFFER_ASSIGN(done, apply_rotations(next, policy, counts, now_seconds()));
    // No version of the keyring is saved in vain.
    return all_refused(done) ? Status(Code::kAlreadyExists, "no rotation is due that can be done") : Status::ok();
  });
  if (!updated.is_ok() && !(all_refused(done) && updated.code() == Code::kAlreadyExists)) return updated;
  return done;
}

void PolicyWatch::enable() {
  heed(present()->root);
  enabled_ = true;
}

Status PolicyWatch::on_writing() {
  if (!enabled_) return Status::ok();
  std::call_once(started_, [this] { start(); });
  const KeyringCondition condition = keyring_.condition();
  return may_protect(condition.root_key, condition.root_key_since, present()->root, now_seconds());
}

Status PolicyWatch::on_writing_in(const std::optional<GroupCondition>& group) const {
  if (!enabled_ || !group.has_value()) return Status::ok();
  return may_protect(group->root_key, group->root_key_since, present()->root, now_seconds())
      .with_context("key group \"" + group->name + "\"");
}

std::shared_ptr<const Policy> PolicyWatch::present() const {
  std::lock_guard lock(mutex_);
  return policy_;
}

void PolicyWatch::heed(const RootPolicy& policy) {
  if (policy.on_revoked != Reaction::kWarn || policy.on_outage != Reaction::kWarn)
    keyring_.look_at_least_every(kRootLookInterval);
}

void PolicyWatch::start() {
  thread_.start([this] { return look(); });
}

std::chrono::milliseconds PolicyWatch::look() {
  const Status read = take_policy();
  const Status counted = count();
  Status rotated = rotate();
  if (rotated.is_ok()) rotated = roll_out();
  note(!read.is_ok() ? read : rotated.is_ok() ? counted : rotated);
  if (!rotated.is_ok()) return std::chrono::seconds(kLookSecondsMax);
  // A second more than none: the next look finds the next key.
  const uint64_t wait = until_next_rotation(*keyring_.snapshot(), *present(), now_seconds(), kLookSecondsMax);
  return std::chrono::seconds(std::max<uint64_t>(wait, 1));
}

Status PolicyWatch::take_policy() {
  COFFER_ASSIGN(Config config, config_.read());
  keyring_.refresh_without_waiting();  // a domain may just have been added
  COFFER_TRY(check_domains(config, *keyring_.snapshot()));
  auto policy = std::make_shared<const Policy>(std::move(config.policy));
  heed(policy->root);
  std::lock_guard lock(mutex_);
  policy_ = std::move(policy);
  return Status::ok();
}

// By time is rotated even where nothing can be counted.
Status PolicyWatch::count() {
  const Status listed = file_counts_.save();
  Status saved = usage_.save();
  if (saved.is_ok()) saved = listed;
  auto total = usage_.total();
  counts_ = total.is_ok() ? std::move(*total) : CountsByKey();
  return total.is_ok() ? saved : total.status();
}

Status PolicyWatch::rotate() {
  auto done = rotate_due(keyring_, *present(), counts_);
  if (!done.is_ok()) return done.status().with_context("policy: what is due cannot be rotated");
  Status first_refusal;
  for (const DueAction& action : *done) {
    if (action.refused.is_ok()) {
      const bool rolls_out = keyring_.snapshot()->find_rollout(action.domain) != nullptr;
      tell("policy: domain " + action.domain +
           (rolls_out ? " has a key that a first share of the nodes uses: " : " was rotated: ") + action.why);
    } else if (first_refusal.is_ok()) {
      first_refusal = action.refused.with_context("policy: domain " + action.domain + " is due and cannot be rotated");
    }
  }
  return first_refusal;
}

Status PolicyWatch::roll_out() {
  const auto done = rollouts_.go_on(*present());
  if (!done.is_ok()) return done.status().with_context("policy: a rollout cannot go on");
  for (const std::string& each : *done) tell("policy: " + each);
  return Status::ok();
}

void PolicyWatch::note(const Status& outcome) {
  {
    std::lock_guard lock(mutex_);
    if (outcome.code() == condition_.code() && outcome.message() == condition_.message()) return;
    condition_ = outcome;
  }
  tell(outcome.is_ok() ? "policy: what is due is done again" : outcome.to_string());
}

void PolicyWatch::tell(std::string news) {
  std::lock_guard lock(mutex_);
  news_ = std::move(news);
  ++news_count_;
}

Status PolicyWatch::condition() const {
  std::lock_guard lock(mutex_);
  return condition_;
}

std::string PolicyWatch::news_since(uint64_t& seen) const {
  std::lock_guard lock(mutex_);
  if (std::exchange(seen, news_count_) == news_count_) return {};
  return news_;
}

}  // namespace coffer
