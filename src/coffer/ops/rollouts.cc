#include "coffer/ops/rollouts.h"

#include "coffer/base/clock.h"
#include "coffer/base/period.h"
#include "coffer/base/text.h"

namespace coffer {

Result<std::vector<RolloutStanding>> rollout_standings(const Coffer& coffer, const std::string& domain) {
  const auto keyring = coffer.keyring();
  std::vector<RolloutStanding> out;
  std::vector<NodeStanding> standings;
  if (!keyring->rollouts().empty()) standings = node_standings(coffer.live_keyring());
  for (const Rollout& rollout : keyring->rollouts()) {
    if (!domain.empty() && rollout.domain != domain) continue;
    RolloutStanding each{rollout, rollout_outlook(*keyring, rollout, standings)};
    const DomainKeyEntry* key = keyring->rollout_key(*keyring->find_domain(rollout.domain));
    for (const EnrolledNode* node : nodes_in_share(keyring->nodes(), key->id, rollout.share)) {
      each.nodes.push_back(node->name);
    }
    out.push_back(std::move(each));
  }
  if (!out.empty() || domain.empty()) return out;
  return {Code::kNotFound, "no rollout of domain \"" + domain + "\" is running; coffer rollout list shows them"};
}

Json rollouts_json(const Keyring& keyring) {
  Json out = Json::array();
  for (const Rollout& rollout : keyring.rollouts()) {
    const RolloutHalt& halt = rollout.halt;
    Json halted = nullptr;
    if (rollout.is_halted()) {
      halted = {{"time", halt.time}, {"node", halt.node.empty() ? Json(nullptr) : Json(halt.node)}, {"why", halt.why}};
    }
    out.push_back({{"domain", rollout.domain},
                   {"version", rollout.version},
                   {"share_thousandths", rollout.share},
                   {"since", rollout.begun},
                   {"since_keyring_version", rollout.keyring_version},
                   {"halted", std::move(halted)}});
  }
  return out;
}

std::string rollout_text(const Rollout& rollout, uint64_t now) {
  std::string out = "key " + std::to_string(rollout.version) + " of domain " + rollout.domain + ": " +
                    share_text(rollout.share) + " of the nodes for " + period_text(now - std::min(now, rollout.begun));
  if (!rollout.is_halted()) return out;
  const std::string by = rollout.halt.node.empty() ? "" : " by node " + rollout.halt.node;
  return out + ", HALTED" + by + ": " + printable(rollout.halt.why);
}

Result<uint32_t> begin_rollout(Coffer& coffer, const std::string& domain) {
  uint32_t version = 0;
  const auto begin = [&](Keyring& keyring) -> Status {
    COFFER_TRY(keyring.begin_rollout(domain, now_seconds()));
    version = keyring.find_rollout(domain)->version;
    return Status::ok();
  };
  COFFER_TRY(coffer.live_keyring().update(begin));
  return version;
}

Status halt_rollout(Coffer& coffer, const std::string& domain, const std::string& why) {
  return coffer.live_keyring().update([&](Keyring& keyring) -> Status {
    const Rollout* rollout = keyring.find_rollout(domain);
    if (rollout != nullptr && rollout->is_halted()) {
      return {Code::kAlreadyExists, "it is halted already: " + rollout->halt.why};
    }
    return keyring.halt_rollout(domain, {now_seconds(), {}, why});
  });
}

Status resume_rollout(Coffer& coffer, const std::string& domain) {
  return coffer.live_keyring().update(
      [&](Keyring& keyring) { return keyring.resume_rollout(domain, now_seconds()); });
}

Status undo_rollout(Coffer& coffer, const std::string& domain) {
  return coffer.live_keyring().update([&](Keyring& keyring) { return keyring.undo_rollout(domain, now_seconds()); });
}

}  // namespace coffer
