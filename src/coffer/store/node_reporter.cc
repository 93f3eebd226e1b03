#include "coffer/store/node_reporter.h"

#include <algorithm>

#include "coffer/base/clock.h"

namespace coffer {

void NodeReporter::start() {
  thread_.start([this] {
    // Who cannot report is missed by who looks, and tries again.
    [[maybe_unused]] const Status tried = report();
    return std::min(interval_, kLookInterval);
  });
}

NodeReport NodeReporter::present(const RolloutTrial& trial) const {
  const KeyringCondition condition = keyring_.condition();
  NodeReport out{now_seconds(), condition.version};
  for (const Status* trouble : {&condition.fenced, &condition.last_refresh, &condition.root_key, &trial.found}) {
    if (out.error.empty() && !trouble->is_ok()) out.error = trouble->to_string();
  }
  return out;
}

// What was well is so until the keyring changes; what was not is tried again.
RolloutTrial NodeReporter::try_out(const Keyring& keyring) {
  if (tried_out_ == keyring.version()) return well_;
  RolloutTrial found = rollouts_.try_out(keyring);
  if (!found.found.is_ok()) return found;
  tried_out_ = keyring.version();
  well_ = std::move(found);
  return well_;
}

Status NodeReporter::report() {
  const auto keyring = keyring_.snapshot();
  const bool is_waited_for = !keyring->rollouts().empty();
  const auto now = ReporterClock::now();
  if (looked_.has_value() && now - *looked_ < interval_ && !is_waited_for) return Status::ok();
  looked_ = now;
  if (!identity_.has_value()) {
    COFFER_ASSIGN(NodeIdentity opened, open_());
    identity_.emplace(std::move(opened));
  }
  const EnrolledNode* listed = keyring->find_node(identity_->node().name);
  if (listed == nullptr || !listed->is(identity_->node())) {
    // It may have got fresh keys since.
    identity_.reset();
    reported_.reset();
    return Status::ok();
  }
  // Before it says that it serves: who ends last says that nobody does.
  const Status held = mark_.hold();
  if (held.code() == Code::kBusy) return held;
  const RolloutTrial trial = try_out(*keyring);
  const NodeReport found = present(trial);
  const bool is_said = reported_.has_value() && reported_->says_the_same_as(found);
  const Status said = is_said ? Status::ok() : say(found);
  const Status halted = halt_what_fails(*keyring, trial, found);
  return said.is_ok() ? halted : said;
}

Status NodeReporter::halt_what_fails(const Keyring& keyring, const RolloutTrial& trial, const NodeReport& said) const {
  Status first_failure;
  for (const Rollout& rollout : keyring.rollouts()) {
    const bool failed = rollout.domain == trial.failed;
    const bool is_shared = std::ranges::find(trial.shared, rollout.domain) != trial.shared.end();
    const NodeReport why{.error = failed ? trial.found.to_string() : is_shared ? said.error : ""};
    if (why.error.empty() || passes_by_itself(why.code())) continue;
    const Status halted = rollouts_.halt(rollout, why.error);
    if (first_failure.is_ok()) first_failure = halted;
  }
  return first_failure;
}

Status NodeReporter::say(const NodeReport& report) {
  COFFER_ASSIGN(const std::string text, sign_node_report(*identity_, report));
  COFFER_TRY(keyring_.save_report(identity_->node().name, as_bytes(text)));
  reported_ = report;
  return Status::ok();
}

NodeReporter::~NodeReporter() {
  if (thread_.is_forked()) return;
  thread_.stop();
  if (!identity_.has_value() || !reported_.has_value() || !keyring_.condition().last_refresh.is_ok()) return;
  std::unique_ptr<WritableFile> nobody_begins;
  if (!mark_.is_last(nobody_begins)) return;
  NodeReport last = present({});
  last.ended = true;
  // Who cannot say so stays at what it said before, as one that was killed.
  [[maybe_unused]] const Status said = say(last);
}

}  // namespace coffer
