#include "coffer/ops/nodes.h"

#include <map>
#include <set>

#include "coffer/base/clock.h"
#include "coffer/store/surroundings.h"

namespace coffer {
namespace {

// Of the root that programs live by, the first slot's, as this node has it.
struct OwnRoot {
  std::string name;
  Sha256 digest{};
};

Result<OwnRoot> own_root(const Coffer& coffer, ProviderOpener opener) {
  const auto header = coffer.live_keyring().header();
  const KeyringSlot& slot = header->slots.front();
  COFFER_ASSIGN(const Config config, coffer.present_config());
  COFFER_ASSIGN(const ConfiguredRoot root, open_configured_root(slot.root, {}, config, opener));
  COFFER_ASSIGN(const RootKeyHandle current, root.provider->current());
  const auto fingerprint = root.provider->fingerprint(current);
  // One that never comes here shows which key it is by having the slot's.
  if (!fingerprint.has_value()) COFFER_TRY(root.provider->check(slot.handle).with_context("root " + slot.root));
  const ByteView evidence = fingerprint.has_value() ? as_bytes(*fingerprint) : ByteView(slot.handle.bytes);
  OwnRoot out{slot.root};
  COFFER_ASSIGN(out.digest, root_digest_of(*coffer.keyring(), slot.root, evidence));
  return out;
}

// Groups that do not open here keep their keys.
std::vector<std::string> closed_groups(const Coffer& coffer) {
  std::vector<std::string> out;
  const auto keyring = coffer.keyring();
  for (const KeyGroup& group : keyring->groups()) {
    if (!coffer.live_keyring().groups().key_of(group).is_ok()) out.push_back(group.name);
  }
  return out;
}

Result<size_t> rotate_all_domains(Keyring& keyring, const std::set<std::string>& closed) {
  std::vector<std::string> names;
  for (const Domain& domain : keyring.domains()) {
    const KeyGroup* group = keyring.group_of(domain);
    if (domain.active() == nullptr || (group != nullptr && closed.contains(group->name))) continue;
    names.push_back(domain.name);
  }
  for (const std::string& name : names) COFFER_TRY(keyring.rotate_domain(name, now_seconds()));
  return names.size();
}

}  // namespace

Result<std::string> make_join_request(const Coffer& coffer, ProviderOpener opener) {
  COFFER_ASSIGN(const NodeIdentity node, open_node_identity(coffer, opener));
  COFFER_ASSIGN(const OwnRoot root, own_root(coffer, opener));
  return make_join_request(node, *coffer.keyring(), root.digest, now_seconds());
}

Result<Enrolment> enrol_node(Coffer& coffer, std::string_view text, ProviderOpener opener) {
  COFFER_ASSIGN(const JoinRequest request, parse_join_request(text));
  COFFER_TRY(coffer.live_keyring().check_shared());
  COFFER_TRY(coffer.live_keyring().refresh());
  COFFER_TRY(check_join_request(request, *coffer.keyring(), now_seconds()));
  COFFER_ASSIGN(const OwnRoot root, own_root(coffer, opener));
  if (!equal_constant_time(root.digest, request.root_digest)) {
    return {Code::kWrongKey, "node " + request.node.name + " has another root key: the digest of its root " +
                                 root.name + " is " + to_hex(request.root_digest) + ", and here it is " +
                                 to_hex(root.digest) + "; give it the root key that this node has"};
  }
  const auto keyring = coffer.keyring();
  const EnrolledNode* there = keyring->find_node(request.node.name);
  if (there != nullptr && there->is(request.node)) return Enrolment{request.node, true};
  const auto enrol = [&](Keyring& changed) -> Status {
    // Somebody may have removed a node since.
    COFFER_TRY(check_join_request(request, changed, now_seconds()));
    return changed.add_node(request.node, now_seconds());
  };
  COFFER_TRY(coffer.live_keyring().update(enrol));
  return Enrolment{request.node, false};
}

Result<NodeRemoval> remove_node(Coffer& coffer, const std::string& name, const std::string& to,
                                ProviderOpener opener) {
  COFFER_TRY(coffer.live_keyring().refresh());
  if (coffer.keyring()->find_node(name) == nullptr) {
    return {Code::kNotFound, "no node \"" + name + "\" in the keyring; coffer node list shows them"};
  }
  NodeRemoval out;
  // Before all: no slot of a fresh keyring key is made for it (keys/node_slots.h).
  COFFER_TRY(coffer.live_keyring().update([&](Keyring& keyring) { return keyring.begin_node_removal(name); }));
  // First: what is made fresh below is then never sealed by a key that the node knew.
  COFFER_ASSIGN(out.root, rotate_root(coffer, to, opener));
  out.closed = closed_groups(coffer);
  const std::set<std::string> closed(out.closed.begin(), out.closed.end());
  const auto renew = [&](Keyring& keyring) -> Status {
    COFFER_TRY(keyring.remove_node(name));
    COFFER_ASSIGN(out.domains, rotate_all_domains(keyring, closed));
    return Status::ok();
  };
  COFFER_TRY(coffer.live_keyring().update(renew));
  // Nobody looks at them any more.
  [[maybe_unused]] const Status gone = coffer.live_keyring().remove_report(name);
  [[maybe_unused]] const Status silent = coffer.live_keyring().remove_answers(name);
  return out;
}

Result<NodePublic> rotate_node(Coffer& coffer, ProviderOpener opener) {
  COFFER_ASSIGN(const NodeIdentity present, open_node_identity(coffer, opener));
  COFFER_ASSIGN(const std::string root, root_of_node_key(coffer));
  COFFER_TRY(coffer.live_keyring().refresh());
  const auto keyring = coffer.keyring();
  const EnrolledNode* listed = keyring->find_node(present.node().name);
  auto next = open_next_node_identity(coffer, opener);
  const bool is_half_done = next.is_ok() && listed != nullptr && listed->is(next->node());
  if (!is_half_done) {
    next = NodeIdentity::create(present.node().name, coffer.config().coffer_id);
    COFFER_TRY(next.status());
    COFFER_TRY(keep_next_node_identity(coffer, *next, root, opener));
    if (listed != nullptr) {
      COFFER_TRY(coffer.live_keyring().update(
          [&](Keyring& changed) { return changed.renew_node(present.node(), next->node()); }));
    }
  }
  COFFER_TRY(take_next_node_identity(coffer));
  return next->node();
}

}  // namespace coffer
