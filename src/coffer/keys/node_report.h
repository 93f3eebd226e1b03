// What a node says of itself, signed by it: which keyring its programs use, and what keeps them from a newer one.
// docs/format.md, "Nodes".
#pragma once

#include "coffer/keys/node_list.h"

namespace coffer {

struct NodeReport {
  uint64_t time = 0;  // Unix seconds: when it was made
  uint64_t keyring_version = 0;
  std::string error = {};  // empty: all is well

  bool says_the_same_as(const NodeReport& other) const {
    return keyring_version == other.keyring_version && error == other.error;
  }
};

Result<std::string> sign_node_report(const NodeIdentity& node, const NodeReport& report);
// kDamaged for what is none; kTampered where this node did not make it.
Result<NodeReport> open_node_report(ByteView text, const EnrolledNode& node, const Id& coffer_id);

}  // namespace coffer
