#include "coffer/store/node_reporter.h"

#include "coffer/base/clock.h"

namespace coffer {

void NodeReporter::start() {
  thread_.start([this] {
    // Who cannot report is missed by who looks, and tries again.
    [[maybe_unused]] const Status tried = report();
    return interval_;
  });
}

NodeReport NodeReporter::present() const {
  const KeyringCondition condition = keyring_.condition();
  NodeReport out{now_seconds(), condition.version};
  for (const Status* trouble : {&condition.fenced, &condition.last_refresh, &condition.root_key}) {
    if (out.error.empty() && !trouble->is_ok()) out.error = trouble->to_string();
  }
  return out;
}

Status NodeReporter::report() {
  if (!identity_.has_value()) {
    COFFER_ASSIGN(NodeIdentity opened, open_());
    identity_.emplace(std::move(opened));
  }
  const auto keyring = keyring_.snapshot();
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
  const NodeReport now = present();
  return reported_.has_value() && reported_->says_the_same_as(now) ? Status::ok() : say(now);
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
  NodeReport last = present();
  last.ended = true;
  // Who cannot say so stays at what it said before, as one that was killed.
  [[maybe_unused]] const Status said = say(last);
}

}  // namespace coffer
