#include "coffer/ops/stream_nodes.h"

namespace coffer {
namespace {

constexpr std::string_view kStreamPurpose = "stream";

// Sealing and opening look at nothing else of it.
NodePublic with_agreement(const X25519Public& agreement) {
  NodePublic out;
  out.agreement = agreement;
  return out;
}

}  // namespace

Result<Signature> StreamingNode::sign(ByteView message) const { return identity_.sign(kStreamPurpose, message); }

Result<HpkeSealed> StreamingNode::seal(const X25519Public& to, ByteView associated, ByteView plaintext) const {
  return identity_.seal(with_agreement(to), kStreamPurpose, associated, plaintext);
}

Result<SecretBytes> StreamingNode::open(const X25519Public& from, ByteView associated, const HpkeSealed& sealed) const {
  return identity_.open(with_agreement(from), kStreamPurpose, associated, sealed);
}

Result<NodePublic> stream_peer(const Coffer& coffer, const std::string& name) {
  const Peers& peers = coffer.config().peers;
  const auto found = peers.find(name);
  if (found != peers.end()) return found->second;
  std::string known;
  for (const auto& [each, node] : peers) known += (known.empty() ? "" : ", ") + each;
  return {Code::kNotFound, "no peer \"" + name + "\" in " + coffer.config_path() + ", which has " +
                               (known.empty() ? "none" : known) +
                               "; put the line that coffer node show prints there under peers:"};
}

TrustSender trust_peers(const Coffer& coffer, std::string& name) {
  return [&](const FileStreamHead& head) -> Status {
    for (const auto& [each, node] : coffer.config().peers) {
      if (node.agreement != head.sender || node.signing != head.signer) continue;
      name = each;
      return Status::ok();
    }
    return {Code::kPermissionDenied, "the stream is of a node that is no peer in " + coffer.config_path() +
                                         ", and nothing was written (its signing key is " + to_hex(head.signer) +
                                         "); to trust it, put the line that its coffer node show prints under peers:"};
  };
}

}  // namespace coffer
