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

Result<X25519Public> stream_receiver(const Coffer& coffer, const std::string& name) {
  const Peers& peers = coffer.config().peers;
  if (const auto found = peers.find(name); found != peers.end()) return found->second.agreement;
  const auto keys = coffer.keyring();
  for (const EnrolledNode& node : keys->nodes()) {
    if (node.name == name) return node.agreement;
  }
  std::string known;
  for (const auto& [each, node] : peers) known += (known.empty() ? "" : ", ") + each;
  return {Code::kNotFound, "no node of this coffer and no peer in " + coffer.config_path() + " is named \"" + name +
                               "\"; peers: has " + (known.empty() ? "none" : known) +
                               ", and takes the line that coffer node show prints there"};
}

TrustSender trust_known_nodes(const Coffer& coffer, std::string& name) {
  return [&](const FileStreamHead& head) -> Status {
    const auto is_sender = [&](const X25519Public& agreement, const SignaturePublicKey& signing) {
      return agreement == head.sender && signing == head.signer;
    };
    const auto keys = coffer.keyring();
    for (const EnrolledNode& node : keys->nodes()) {
      if (is_sender(node.agreement, node.signing)) return name = node.name, Status::ok();
    }
    for (const auto& [each, node] : coffer.config().peers) {
      if (is_sender(node.agreement, node.signing)) return name = each, Status::ok();
    }
    return {Code::kPermissionDenied, "the stream is of a node that is neither this coffer's nor a peer in " +
                                         coffer.config_path() + ", and nothing was written (its signing key is " +
                                         to_hex(head.signer) +
                                         "); to trust it, put the line that its coffer node show prints under peers:"};
  };
}

}  // namespace coffer
