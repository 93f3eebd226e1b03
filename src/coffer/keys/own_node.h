// What a live keyring knows of the node that it is used on: store/own_node.h.
#pragma once

#include <memory>
#include <optional>

#include "coffer/keys/node_identity.h"

namespace coffer {

// What a node remembers of the keyring key that it used last.
struct NodePin {
  X25519Public sender{};  // whose slots it believes
  uint64_t seen = 0;      // Unix seconds: when the root key was last seen well, as this node knows
};

// Implementations are thread-safe.
class OwnNode {
 public:
  virtual ~OwnNode() = default;

  // For how many seconds after a root key was last seen well its slot opens the keyring, by the policy as it is now;
  // nothing: never.
  virtual Result<std::optional<uint64_t>> period() = 0;
  // Opened by a root of this machine, without any key of the coffer's. kNotFound: it has none; kUnsupported: they are
  // sealed by what is not this machine's. Else the provider's.
  virtual Result<std::shared_ptr<const NodeIdentity>> identity() = 0;
  // As it was kept. kNotFound: none was; kTampered, kDamaged.
  virtual Result<NodePin> pin() = 0;
  virtual Status keep(const NodePin& pin) = 0;
};

}  // namespace coffer
