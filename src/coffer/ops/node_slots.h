// Whether programs that serve start by this node's slot, where the policy says that they do: as status, the page,
// metrics and doctor tell it. docs/cluster.md, "Node slots".
#pragma once

#include "coffer/base/finding.h"
#include "coffer/keys/node_slot_keeper.h"
#include "coffer/ops/json.h"

namespace coffer {

// As LiveKeyring::node_slot_standing() gives it: an error where it cannot be told, nothing where the policy has none.
using NodeSlots = Result<std::optional<NodeSlotStanding>>;

// Ok: programs that serve start by this node's slot, or the policy has none; else why not, as far as that is known.
Status node_slots_trouble(const NodeSlots& slots);
// In one line; empty where the policy has none.
std::string node_slots_text(const NodeSlots& slots);
// null where the policy has none.
Json node_slots_json(const NodeSlots& slots);
Findings examine_node_slots(const NodeSlots& slots);

}  // namespace coffer
