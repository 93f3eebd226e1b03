// Who sends and receives streams of files: this node, by its keys, and those that coffer.yaml names.
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

// The peer of this name. kNotFound, naming those there are.
Result<NodePublic> stream_peer(const Coffer& coffer, const std::string& name);
// Trusts the coffer's peers, and says in `name` which of them it was. kPermissionDenied: none of them.
TrustSender trust_peers(const Coffer& coffer, std::string& name);

}  // namespace coffer
