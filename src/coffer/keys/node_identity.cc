#include "coffer/keys/node_identity.h"

#include <algorithm>

#include "coffer/base/base64.h"
#include "coffer/base/codec.h"
#include "coffer/base/text.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"

namespace coffer {
namespace {

constexpr size_t kNodePublicSize = 16 + sizeof(X25519Public) + sizeof(SignaturePublicKey) + sizeof(Signature);

std::string node_label(std::string_view purpose) { return "coffer/v1 node " + std::string(purpose); }

Result<SecretBytes> signing_seed(const NodeSeed& seed) { return derive(seed.reveal(), "node signing", {}, 32); }

Result<X25519Private> agreement_key(const NodeSeed& seed) {
  COFFER_ASSIGN(SecretBytes out, derive(seed.reveal(), "node agreement", {}, kX25519Size));
  return X25519Private(std::move(out));
}

// What a node's proof is of. A name has no zero byte.
Bytes proven(const NodePublic& node) {
  Bytes out = labelled("coffer/v1 node", as_bytes(node.name));
  out.push_back(0);
  for (const ByteView part : {node.coffer_id.view(), ByteView(node.agreement), ByteView(node.signing)}) {
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

Status no_node_text() {
  return {Code::kInvalidArgument, "it is no node (\"coffer-node:v1:NAME:…\"); coffer node show prints what a node is"};
}

}  // namespace

bool valid_node_name(std::string_view name) {
  return !name.empty() && name.size() <= kNodeNameSizeMax && std::ranges::all_of(name, [](char c) {
    return is_alphanumeric(c) || c == '.' || c == '_' || c == '-';
  });
}

std::string format_node_public(const NodePublic& node) {
  Bytes bytes(kNodePublicSize);
  Writer writer(bytes);
  writer.id(node.coffer_id);
  writer.bytes(node.agreement);
  writer.bytes(node.signing);
  writer.bytes(node.proof);
  return std::string(kNodePublicPrefix) + node.name + ":" + base64url_text(bytes);
}

Result<NodePublic> parse_node_public(std::string_view text) {
  text = trimmed(text);
  if (text.size() > kNodePublicTextSizeMax || !text.starts_with(kNodePublicPrefix)) return no_node_text();
  text.remove_prefix(kNodePublicPrefix.size());
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || !valid_node_name(text.substr(0, colon))) return no_node_text();
  NodePublic out;
  out.name = text.substr(0, colon);
  const auto bytes = decode_base64(as_bytes(text.substr(colon + 1)), Base64Alphabet::kUrl);
  if (!bytes.is_ok() || bytes->size() != kNodePublicSize) {
    return {Code::kInvalidArgument, "node " + out.name + " is not whole: part of its line is missing; copy all of it"};
  }
  Reader reader(bytes->reveal());
  out.coffer_id = reader.id();
  reader.copy_to(out.agreement);
  reader.copy_to(out.signing);
  reader.copy_to(out.proof);
  const Status proof = check_signature({out.signing, out.proof}, proven(out));
  if (proof.code() != Code::kTampered) return proof.is_ok() ? Result<NodePublic>(std::move(out)) : proof;
  return {Code::kTampered, "node " + out.name + " does not fit its own signature: its line was changed; copy it anew"};
}

Status check_node_signature(const NodePublic& by, std::string_view purpose, ByteView message,
                            const Signature& signature) {
  const Status checked = check_signature({by.signing, signature}, labelled(node_label(purpose), message));
  if (checked.code() != Code::kTampered) return checked;
  return {Code::kTampered, "the signature is not of node " + by.name};
}

Result<NodeIdentity> NodeIdentity::create(std::string_view name, const Id& coffer_id) {
  if (!valid_node_name(name)) {
    return {Code::kInvalidArgument,
            "a node's name must be 1 to 64 letters, digits, dots, underscores or dashes, and not \"" +
                printable(name) + "\""};
  }
  SecretBytes bytes(kNodeSeedSize);
  COFFER_TRY(random_bytes(bytes.reveal_mutable()));
  const NodeSeed seed(std::move(bytes));
  NodePublic node{std::string(name), coffer_id};
  COFFER_ASSIGN(const X25519Private agreement, agreement_key(seed));
  COFFER_ASSIGN(node.agreement, x25519_public(agreement));
  COFFER_ASSIGN(const SecretBytes signing, signing_seed(seed));
  COFFER_ASSIGN(node.signing, signature_public_key(signing.reveal()));
  COFFER_ASSIGN(const Signed proof, coffer::sign(signing.reveal(), proven(node)));
  node.proof = proof.signature;
  return of_seed(std::move(node), seed);
}

Result<NodeIdentity> NodeIdentity::of_seed(NodePublic node, const NodeSeed& seed) {
  COFFER_ASSIGN(const X25519Private agreement, agreement_key(seed));
  COFFER_ASSIGN(const X25519Public agreement_public, x25519_public(agreement));
  COFFER_ASSIGN(const SecretBytes signing, signing_seed(seed));
  COFFER_ASSIGN(const SignaturePublicKey signing_public, signature_public_key(signing.reveal()));
  if (agreement_public != node.agreement || signing_public != node.signing) {
    return {Code::kTampered, "the private keys are not those of node " + node.name};
  }
  COFFER_ASSIGN(RestingKey<NodeRole> resting, RestingKey<NodeRole>::seal(seed));
  return NodeIdentity(std::move(node), std::move(resting));
}

Result<Signature> NodeIdentity::sign(std::string_view purpose, ByteView message) const {
  COFFER_ASSIGN(const NodeSeed seed, seed_.open());
  COFFER_ASSIGN(const SecretBytes signing, signing_seed(seed));
  COFFER_ASSIGN(const Signed out, coffer::sign(signing.reveal(), labelled(node_label(purpose), message)));
  return out.signature;
}

Result<HpkeSealed> NodeIdentity::seal(const NodePublic& to, std::string_view purpose, ByteView associated,
                                      ByteView plaintext) const {
  COFFER_ASSIGN(const NodeSeed seed, seed_.open());
  COFFER_ASSIGN(const X25519Private agreement, agreement_key(seed));
  const std::string info = node_label(purpose);
  return hpke_seal({.info = as_bytes(info), .associated = associated}, to.agreement, agreement, plaintext);
}

Result<SecretBytes> NodeIdentity::open(const NodePublic& from, std::string_view purpose, ByteView associated,
                                       const HpkeSealed& sealed) const {
  COFFER_ASSIGN(const NodeSeed seed, seed_.open());
  COFFER_ASSIGN(const X25519Private agreement, agreement_key(seed));
  const std::string info = node_label(purpose);
  return hpke_open({.info = as_bytes(info), .associated = associated}, agreement, from.agreement, sealed.encapsulated,
                   sealed.ciphertext);
}

}  // namespace coffer
