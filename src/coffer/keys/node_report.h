// What a node says of itself, signed by it: which keyring its programs use, and what keeps them from a newer one.
// docs/format.md, "Nodes".
#pragma once

#include "coffer/keys/node_list.h"

namespace coffer {

struct NodeReport {
  uint64_t time = 0;  // Unix seconds: when it was made
  uint64_t keyring_version = 0;
  std::string error = {};  // empty: all is well
  bool ended = false;      // the last of its programs has ended, and says nothing more

  // Of errors the code alone: the words of one that lasts may have a time in them.
  bool says_the_same_as(const NodeReport& other) const {
    return keyring_version == other.keyring_version && code() == other.code() && ended == other.ended;
  }
  std::string_view code() const { return std::string_view(error).substr(0, error.find(':')); }
};

Result<std::string> sign_node_report(const NodeIdentity& node, const NodeReport& report);
// kDamaged for what is none; kTampered where this node did not make it.
Result<NodeReport> open_node_report(ByteView text, const EnrolledNode& node, const Id& coffer_id);

}  // namespace coffer
