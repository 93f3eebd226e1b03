// The nodes of a coffer, and what each has said of itself last.
#pragma once

#include "coffer/keys/live_keyring.h"
#include "coffer/keys/node_report.h"

namespace coffer {

struct NodeStanding {
  EnrolledNode node;
  std::optional<NodeReport> report;  // the last one it has made
  Status doubt;                      // ok, or why there is none that can be believed
  std::optional<bool> has_slot = {};  // to start by (LiveKeyring::nodes_with_slots()); nothing: the policy has none
};
// Of all in the list, which is that of the keyring in hand.
std::vector<NodeStanding> node_standings(const LiveKeyring& live);

}  // namespace coffer
