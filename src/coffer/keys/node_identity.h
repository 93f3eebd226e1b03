// Who a node is: a key pair that signs and one that messages are sealed to, under a name. The public part is one line
// of text, for mail and YAML. docs/format.md, "Nodes". Needs X25519 and Ed25519: kUnsupported where is_fips().
#pragma once

#include <string>

#include "coffer/crypto/hpke.h"
#include "coffer/crypto/resting_key.h"
#include "coffer/crypto/signature.h"

namespace coffer {

inline constexpr size_t kNodeNameSizeMax = 64;
inline constexpr size_t kNodeSeedSize = 32;
inline constexpr std::string_view kNodePublicPrefix = "coffer-node:v1:";
inline constexpr size_t kNodePublicTextSizeMax = 512;

struct NodeRole {};  // 32 bytes; gives both private keys
using NodeSeed = Key<NodeRole>;

// Not secret. Compared as a whole, it says whether two are the same node.
struct NodePublic {
  std::string name;  // 1 to 64 letters, digits, dots, underscores or dashes
  Id coffer_id;      // whose node it is
  X25519Public agreement{};
  SignaturePublicKey signing{};
  Signature proof{};  // of all the above, by `signing`: of one mould, though not whose

  bool operator==(const NodePublic&) const = default;
};

bool valid_node_name(std::string_view name);
// coffer-node:v1:NAME:BASE64URL, one word without blanks or quotes.
std::string format_node_public(const NodePublic& node);
// Blanks around it are left out. kInvalidArgument for what is none; kTampered where a letter was lost or changed, or
// halves of different nodes were put together.
Result<NodePublic> parse_node_public(std::string_view text);

// `purpose` keeps apart what is signed and sealed for different ends: both sides name the same. Nothing is said of who
// `by` is: that is for the caller to believe. kTampered.
Status check_node_signature(const NodePublic& by, std::string_view purpose, ByteView message,
                            const Signature& signature);

// The private part. Const member functions are thread-safe. In a child of fork() they fail with kKeyUnavailable.
class NodeIdentity {
 public:
  // Fresh keys. kInvalidArgument for a name that no node may have.
  static Result<NodeIdentity> create(std::string_view name, const Id& coffer_id);
  // kTampered where these are not the keys of `node`.
  static Result<NodeIdentity> of_seed(NodePublic node, const NodeSeed& seed);

  const NodePublic& node() const { return node_; }
  // For who keeps it sealed.
  Result<NodeSeed> seed() const { return seed_.open(); }

  Result<Signature> sign(std::string_view purpose, ByteView message) const;
  // For `to` alone, who learns that it comes from this node. `associated` is bound to it. Errors as hpke_seal().
  Result<HpkeSealed> seal(const NodePublic& to, std::string_view purpose, ByteView associated,
                          ByteView plaintext) const;
  // What `from` sealed for this node. kWrongKey for all else.
  Result<SecretBytes> open(const NodePublic& from, std::string_view purpose, ByteView associated,
                           const HpkeSealed& sealed) const;

 private:
  NodeIdentity(NodePublic node, RestingKey<NodeRole> seed) : node_(std::move(node)), seed_(std::move(seed)) {}

  NodePublic node_;
  RestingKey<NodeRole> seed_;
};

}  // namespace coffer
