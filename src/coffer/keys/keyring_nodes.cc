// The list of nodes in a keyring: its changes, its rules and its bytes.
#include <algorithm>
#include <set>

#include "coffer/crypto/random.h"
#include "coffer/keys/keyring.h"

namespace coffer {
namespace {

constexpr size_t kNodeFixedSize = 1 + sizeof(X25519Public) + sizeof(SignaturePublicKey) + 8;
constexpr size_t kNodeListFixedSize = 1 + 2;

Status broken_nodes(std::string rule) {
  return {Code::kTampered, "the sealed keyring breaks a rule: " + std::move(rule)};
}

Status no_node(std::string_view name) {
  return {Code::kNotFound, "no node \"" + std::string(name) + "\" in the keyring; coffer node list shows them"};
}

// One key pair is one node: else which of two had signed would be for whoever looks to choose.
const EnrolledNode* find_keys(std::span<const EnrolledNode> nodes, const NodePublic& node) {
  const auto found = std::ranges::find_if(nodes, [&](const EnrolledNode& other) {
    return other.signing == node.signing || other.agreement == node.agreement;
  });
  return found == nodes.end() ? nullptr : &*found;
}

}  // namespace

size_t node_list_size(const NodeList& list) {
  if (list.empty()) return 0;
  size_t size = kNodeListFixedSize + list.member_key.size();
  for (const EnrolledNode& node : list.nodes) size += kNodeFixedSize + node.name.size();
  return size;
}

Status write_node_list(const NodeList& list, Writer& writer) {
  if (list.empty()) return Status::ok();
  COFFER_ASSIGN(const Key<MemberRole> member_key, list.member_key.open());
  writer.bytes8(member_key.reveal());
  writer.u16(static_cast<uint16_t>(list.nodes.size()));
  for (const EnrolledNode& node : list.nodes) {
    writer.bytes8(as_bytes(node.name));
    writer.bytes(node.agreement);
    writer.bytes(node.signing);
    writer.u64(node.enrolled);
  }
  return Status::ok();
}

Result<NodeList> read_node_list(Reader& reader) {
  NodeList list;
  const ByteView member_key = reader.bytes8(kMemberKeySize);
  const uint16_t count = reader.u16();
  if (!reader.ok()) return broken_nodes("it must not end within its nodes");
  if (!member_key.empty() && member_key.size() != kMemberKeySize) {
    return broken_nodes("the key of its nodes must have 32 bytes");
  }
  if (count > kNodeCountMax || (count == 0 && member_key.empty())) {
    return broken_nodes("it must have 1 to 16384 nodes, or none of them");
  }
  COFFER_ASSIGN(list.member_key, RestingKey<MemberRole>::seal(Key<MemberRole>::copy_of(member_key)));
  std::set<SignaturePublicKey> signing;
  std::set<X25519Public> agreement;
  for (uint16_t left = count; left > 0; --left) {
    EnrolledNode node;
    node.name = as_text(reader.bytes8(kNodeNameSizeMax));
    reader.copy_to(node.agreement);
    reader.copy_to(node.signing);
    node.enrolled = reader.u64();
    if (!reader.ok()) return broken_nodes("it must not end within its nodes");
    if (!valid_node_name(node.name)) return broken_nodes("a node's name must be 1 to 64 of [A-Za-z0-9._-]");
    if (!list.nodes.empty() && list.nodes.back().name >= node.name) {
      return broken_nodes("nodes must stand in the order of their names");
    }
    if (!signing.insert(node.signing).second || !agreement.insert(node.agreement).second) {
      return broken_nodes("the keys of node " + node.name + " must not repeat");
    }
    list.nodes.push_back(std::move(node));
  }
  return list;
}

const EnrolledNode* Keyring::find_node(std::string_view name) const {
  const auto found = std::ranges::lower_bound(node_list_.nodes, name, {}, &EnrolledNode::name);
  return found == node_list_.nodes.end() || found->name != name ? nullptr : &*found;
}

Result<Sha256> Keyring::authenticate_as_member(std::string_view label, std::string_view message) const {
  COFFER_ASSIGN(const Sha256 of_coffer, authenticate(label, message));
  if (node_list_.member_key.empty()) return of_coffer;
  COFFER_ASSIGN(const Key<MemberRole> member_key, node_list_.member_key.open());
  return hmac_sha256(member_key.reveal(), of_coffer);
}

Status Keyring::add_node(const NodePublic& node, uint64_t now) {
  if (node.coffer_id != coffer_id_) {
    return {Code::kForeign, "node " + node.name + " is of coffer " + node.coffer_id.short_hex() +
                                ", and this is coffer " + coffer_id_.short_hex()};
  }
  if (!valid_node_name(node.name)) {
    return {Code::kInvalidArgument, "a node's name must be 1 to 64 letters, digits, dots, underscores or dashes"};
  }
  if (find_node(node.name) != nullptr) {
    return {Code::kAlreadyExists, "there is a node \"" + node.name + "\" with other keys; if that one is gone, take it "
                                  "out first: coffer node remove COFFER " + node.name};
  }
  if (const EnrolledNode* same = find_keys(node_list_.nodes, node)) {
    return {Code::kAlreadyExists, "the keys of node \"" + node.name + "\" are those of node \"" + same->name + "\""};
  }
  if (node_list_.nodes.size() >= kNodeCountMax) {
    return {Code::kLimitExceeded, "a keyring has at most 16384 nodes; take out those that are gone"};
  }
  const auto place = std::ranges::lower_bound(node_list_.nodes, node.name, {}, &EnrolledNode::name);
  node_list_.nodes.insert(place, {node.name, node.agreement, node.signing, now});
  return Status::ok();
}

Status Keyring::renew_node(const NodePublic& had, const NodePublic& has) {
  const auto found = std::ranges::find_if(node_list_.nodes, [&](const EnrolledNode& node) { return node.is(had); });
  if (found == node_list_.nodes.end() || has.name != had.name || has.coffer_id != coffer_id_) {
    return no_node(had.name);
  }
  if (find_keys(node_list_.nodes, has) != nullptr) {
    return {Code::kAlreadyExists, "the keys of node \"" + had.name + "\" are in the keyring already"};
  }
  found->agreement = has.agreement;
  found->signing = has.signing;
  return Status::ok();
}

Status Keyring::begin_node_removal(std::string_view name) {
  const auto found = std::ranges::find(node_list_.nodes, name, &EnrolledNode::name);
  if (found == node_list_.nodes.end()) return no_node(name);
  found->enrolled = 0;
  return Status::ok();
}

Status Keyring::remove_node(std::string_view name) {
  if (find_node(name) == nullptr) return no_node(name);
  COFFER_ASSIGN(const Key<MemberRole> fresh, random_key<MemberRole>(kMemberKeySize));
  COFFER_ASSIGN(node_list_.member_key, RestingKey<MemberRole>::seal(fresh));
  std::erase_if(node_list_.nodes, [&](const EnrolledNode& node) { return node.name == name; });
  return Status::ok();
}

}  // namespace coffer
