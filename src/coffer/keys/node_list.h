// The nodes that share a coffer, as its keyring has them: docs/format.md, section 7, "nodes".
#pragma once

#include <span>

#include "coffer/base/codec.h"
#include "coffer/keys/node_identity.h"

namespace coffer {

inline constexpr size_t kNodeCountMax = 16384;
inline constexpr size_t kMemberKeySize = 32;

struct MemberRole {};  // 32 bytes; who has it opens a keyring from after the last removal of a node

// The keyring vouches for it, so it needs no proof of its own.
struct EnrolledNode {
  std::string name;
  X25519Public agreement{};
  SignaturePublicKey signing{};
  uint64_t enrolled = 0;  // Unix seconds; 0: it is about to be removed, and gets no fresh key any more

  bool is_leaving() const { return enrolled == 0; }
  bool is(const NodePublic& node) const {
    return name == node.name && agreement == node.agreement && signing == node.signing;
  }
  // For sealing to it and checking its signatures; without a proof.
  NodePublic node(const Id& coffer_id) const { return {name, coffer_id, agreement, signing, {}}; }
};

struct NodeList {
  RestingKey<MemberRole> member_key;  // none until a node was removed
  std::vector<EnrolledNode> nodes;    // by their names

  bool empty() const { return member_key.empty() && nodes.empty(); }
};

// The end of a keyring's body, which it is left out of where it is empty. kTampered, naming the rule that is broken.
size_t node_list_size(const NodeList& list);
Status write_node_list(const NodeList& list, Writer& writer);
Result<NodeList> read_node_list(Reader& reader);

}  // namespace coffer
