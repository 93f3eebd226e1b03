// Rotations that some nodes use first, as operators see and steer them. docs/cluster.md, "Canary rotations".
#pragma once

#include "coffer/ops/json.h"
#include "coffer/store/coffer.h"

namespace coffer {

struct RolloutStanding {
  Rollout rollout;
  RolloutOutlook outlook;                // by the nodes' reports
  std::vector<std::string> nodes = {};  // of its share
};
// Of the keyring in hand, for all domains or one. kNotFound: none of that domain is running.
Result<std::vector<RolloutStanding>> rollout_standings(const Coffer& coffer, const std::string& domain = {});

// By the keyring alone.
Json rollouts_json(const Keyring& keyring);
// "key 4 of domain system: 10 % of the nodes for 3 min"; says so where it is halted.
std::string rollout_text(const Rollout& rollout, uint64_t now);

// A fresh key that a first share of the nodes uses. Errors as Keyring::begin_rollout(). Returns its number.
Result<uint32_t> begin_rollout(Coffer& coffer, const std::string& domain);
// Errors as Keyring's functions.
Status halt_rollout(Coffer& coffer, const std::string& domain, const std::string& why);
Status resume_rollout(Coffer& coffer, const std::string& domain);
Status undo_rollout(Coffer& coffer, const std::string& domain);

}  // namespace coffer
