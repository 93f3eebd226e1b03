// Who sends and receives streams of files: this node, by its keys, those that share its coffer, and the peers that
// coffer.yaml names.
#pragma once

#include "coffer/ops/receive.h"
#include "coffer/store/node_key.h"

namespace coffer {

class StreamingNode final : public FileStreamNode {
 public:
  explicit StreamingNode(NodeIdentity identity) : identity_(std::move(identity)) {}

  X25519Public agreement() const override { return identity_.node().agreement; }
  SignaturePublicKey signing() const override { return identity_.node().signing; }
  Result<Signature> sign(ByteView message) const override;
  Result<HpkeSealed> seal(const X25519Public& to, ByteView associated, ByteView plaintext) const override;
  Result<SecretBytes> open(const X25519Public& from, ByteView associated, const HpkeSealed& sealed) const override;

 private:
  const NodeIdentity identity_;
};

// The public key of the peer of this name, or of the coffer's own node. kNotFound, naming the peers there are.
Result<X25519Public> stream_receiver(const Coffer& coffer, const std::string& name);
// Trusts these, and says in `name` which of them it was. kPermissionDenied: none of them.
TrustSender trust_known_nodes(const Coffer& coffer, std::string& name);

}  // namespace coffer
