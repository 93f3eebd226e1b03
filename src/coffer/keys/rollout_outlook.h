// What the nodes' reports say of a rollout: whether it may go on. docs/cluster.md, "Canary rotations".
#pragma once

#include "coffer/keys/keyring.h"
#include "coffer/keys/node_standing.h"

namespace coffer {

struct RolloutOutlook {
  enum class Next : uint8_t {
    kReady,  // every node of the share that has not ended serves it and is well, and one does
    kWaits,  // for a node that has not said so yet
    kHalts,  // as a node of the share has said that something is wrong
  };
  Next next = Next::kReady;
  std::string node = {};  // for which it waits, or which is not well; empty: for any
  std::string why = {};
  size_t nodes = 0;  // of the share
  size_t well = 0;   // that serve it
};

// `standings`: of all nodes of the keyring, in their order. A trouble that passes by itself is waited for: a provider
// that is away.
RolloutOutlook rollout_outlook(const Keyring& keyring, const Rollout& rollout,
                               std::span<const NodeStanding> standings);
// Whether what a node finds wrong passes by itself. By the code alone, as a report has it.
bool passes_by_itself(std::string_view code);

}  // namespace coffer
