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
  const NodeReport now = present();
  if (reported_.has_value() && reported_->says_the_same_as(now)) return Status::ok();
  COFFER_ASSIGN(const std::string text, sign_node_report(*identity_, now));
  COFFER_TRY(keyring_.save_report(identity_->node().name, as_bytes(text)));
  reported_ = now;
  return Status::ok();
}

}  // namespace coffer
