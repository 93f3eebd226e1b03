#include "coffer/keys/node_slot_keeper.h"

#include <algorithm>
#include <map>

#include "coffer/base/period.h"

namespace coffer {
namespace {

Status too_long_ago(const std::string& what, uint64_t seen, uint64_t period) {
  return {Code::kKeyUnavailable, what + " at " + utc_text(seen) + ", and policy: node_slots allows " +
                                     period_text(period)};
}

Result<RootSeen> load_root_seen(KeyringStore& store, const SlotGeneration& generation, const KeyringKey& key) {
  COFFER_ASSIGN(const Bytes value, store.load_node_slots(root_seen_name(generation)));
  return open_root_seen(value, generation, key);
}

Result<std::vector<NodeSlotValue>> slots_from(const KeyringInHand& sender, const KeyringInHand& in) {
  COFFER_ASSIGN(const X25519Private by, node_slot_sender(sender.key, in.header.coffer_id));
  return seal_node_slots(SlotGeneration::of(in.header), in.keyring, in.key, by);
}

// The record comes last: so what it says of slots is there.
Status save_all(KeyringStore& store, std::vector<NodeSlotValue> slots, const KeyringInHand& in, uint64_t seen) {
  const SlotGeneration generation = SlotGeneration::of(in.header);
  RootSeen record{seen};
  COFFER_ASSIGN(record.nodes, digest_of_nodes(in.keyring));
  COFFER_ASSIGN(Bytes sealed, seal_root_seen(record, generation, in.key));
  slots.push_back({root_seen_name(generation), std::move(sealed)});
  return store.save_node_slots(slots);
}

// Those of a node, by the sender that it believes.
Result<Bytes> load_slots(KeyringStore& store, const std::string& name) {
  auto value = store.load_node_slots(name);
  if (value.code() != Code::kNotFound) return value;
  return {Code::kNotFound, "there is no slot for this node by the keyring key that it used last: somebody took it away"
                           ", or the keyring got a new key twice since"};
}

Status check_listed(const NodePublic& node, const Keyring& keyring) {
  const EnrolledNode* listed = keyring.find_node(node.name);
  if (listed != nullptr && listed->is(node) && !listed->is_leaving()) return Status::ok();
  return {Code::kKeyUnavailable, "node " + node.name + " is not one of the coffer's; coffer node enrol takes it in"};
}

}  // namespace

Result<bool> NodeSlotKeeper::is_allowed() const {
  COFFER_ASSIGN(const std::optional<uint64_t> period, own_->period());
  return period.has_value();
}

Result<std::optional<NodeSlotKeeper::Opening>> NodeSlotKeeper::open(KeyringStore& store, const KeyringHeader& header,
                                                                    uint64_t now) const {
  COFFER_ASSIGN(const std::optional<uint64_t> period, own_->period());
  if (!period) return std::optional<Opening>();
  COFFER_ASSIGN(const NodePin pin, own_->pin());
  if (!is_recent(pin.seen, now, *period)) return too_long_ago("this node knows of its root key", pin.seen, *period);
  Opening out;
  COFFER_ASSIGN(out.node, own_->identity());
  const SlotGeneration generation = SlotGeneration::of(header);
  COFFER_ASSIGN(const Bytes slots, load_slots(store, node_slots_name(generation, pin.sender,
                                                                     out.node->node().agreement)));
  COFFER_ASSIGN(out.key, open_node_slot(slots, generation, *out.node, pin.sender));
  COFFER_ASSIGN(const RootSeen seen, load_root_seen(store, generation, out.key));
  if (!is_recent(seen.time, now, *period)) return too_long_ago("the root key was last seen", seen.time, *period);
  out.seen = seen.time;
  out.until = std::min(pin.seen, seen.time) + *period;
  return std::optional(std::move(out));
}

Status NodeSlotKeeper::confirm(const Opening& opening, const Keyring& keyring) {
  return check_listed(opening.node->node(), keyring);
}

Result<std::optional<uint64_t>> NodeSlotKeeper::seen_by_another(KeyringStore& store, const KeyringInHand& in,
                                                                uint64_t now, uint64_t interval) const {
  COFFER_ASSIGN(const bool allowed, is_allowed());
  if (!allowed || in.keyring.nodes().empty()) return std::optional<uint64_t>();
  const auto seen = load_root_seen(store, SlotGeneration::of(in.header), in.key);
  if (!seen.is_ok() || !is_recent(seen->time, now, interval)) return std::optional<uint64_t>();
  return std::optional(seen->time);
}

Status NodeSlotKeeper::note_seen(KeyringStore& store, const KeyringInHand& in, uint64_t seen) const {
  COFFER_ASSIGN(const bool allowed, is_allowed());
  if (!allowed || in.keyring.nodes().empty()) return Status::ok();
  COFFER_ASSIGN(const Sha256 nodes, digest_of_nodes(in.keyring));
  const auto there = load_root_seen(store, SlotGeneration::of(in.header), in.key);
  std::vector<NodeSlotValue> missing;
  if (!there.is_ok() || there->nodes != nodes) {
    COFFER_ASSIGN(missing, slots_from(in, in));
  }
  return save_all(store, std::move(missing), in, seen);
}

Status NodeSlotKeeper::forget_seen(KeyringStore& store, const KeyringHeader& header) const {
  COFFER_ASSIGN(const bool allowed, is_allowed());
  if (!allowed) return Status::ok();
  const NodeSlotValue none{root_seen_name(SlotGeneration::of(header)), root_not_seen()};
  return store.save_node_slots({&none, 1});
}

Status NodeSlotKeeper::keep_pin(const KeyringInHand& in, uint64_t seen) const {
  COFFER_ASSIGN(const bool allowed, is_allowed());
  if (!allowed) return Status::ok();
  COFFER_ASSIGN(const X25519Private sender, node_slot_sender(in.key, in.header.coffer_id));
  NodePin pin{{}, seen};
  COFFER_ASSIGN(pin.sender, x25519_public(sender));
  const Status kept = own_->keep(pin);
  return kept.code() == Code::kNotFound || kept.code() == Code::kUnsupported ? Status::ok() : kept;
}

Status NodeSlotKeeper::prepare(KeyringStore& store, const KeyringInHand& before, const KeyringInHand& next,
                               uint64_t seen) const {
  COFFER_ASSIGN(const bool allowed, is_allowed());
  if (!allowed || next.keyring.nodes().empty()) return Status::ok();
  const bool has_fresh_key = before.header.slots.front().id != next.header.slots.front().id;
  COFFER_ASSIGN(const Sha256 had, digest_of_nodes(before.keyring));
  COFFER_ASSIGN(const Sha256 has, digest_of_nodes(next.keyring));
  if (!has_fresh_key && had == has) return Status::ok();
  COFFER_ASSIGN(std::vector<NodeSlotValue> slots, slots_from(next, next));
  if (has_fresh_key) {
    COFFER_ASSIGN(std::vector<NodeSlotValue> for_others, slots_from(before, next));
    std::ranges::move(for_others, std::back_inserter(slots));
  }
  return save_all(store, std::move(slots), next, seen);
}

Result<std::optional<std::set<std::string>>> NodeSlotKeeper::nodes_with_slots(KeyringStore& store,
                                                                              const KeyringInHand& in) const {
  COFFER_ASSIGN(const bool allowed, is_allowed());
  if (!allowed) return std::optional<std::set<std::string>>();
  COFFER_ASSIGN(const X25519Private sender, node_slot_sender(in.key, in.header.coffer_id));
  COFFER_ASSIGN(const X25519Public by, x25519_public(sender));
  std::set<std::string> out;
  std::map<std::string, Bytes> values;
  for (const EnrolledNode& node : in.keyring.nodes()) {
    const std::string name = node_slots_name(SlotGeneration::of(in.header), by, node.agreement);
    if (!values.contains(name)) {
      auto value = store.load_node_slots(name);
      if (!value.is_ok() && value.code() != Code::kNotFound) return value.status();
      values[name] = value.is_ok() ? std::move(*value) : Bytes();
    }
    if (has_node_slot(values[name], node.agreement)) out.insert(node.name);
  }
  return std::optional(std::move(out));
}

// Its keys first, and that it is one of the coffer's: without them the rest does not come either.
Result<uint64_t> NodeSlotKeeper::starts_until(KeyringStore& store, const KeyringInHand& in, uint64_t now) const {
  COFFER_ASSIGN(const auto node, own_->identity());
  COFFER_TRY(check_listed(node->node(), in.keyring));
  COFFER_ASSIGN(const auto opening, open(store, in.header, now));
  return opening ? opening->until : uint64_t{0};
}

// Where the record of who has slots is of those nodes that there are, it tells; else each slot is looked for.
Result<size_t> NodeSlotKeeper::count_with_slot(KeyringStore& store, const KeyringInHand& in) const {
  const auto is_staying = [](const EnrolledNode& node) { return !node.is_leaving(); };
  const auto seen = load_root_seen(store, SlotGeneration::of(in.header), in.key);
  COFFER_ASSIGN(const Sha256 nodes, digest_of_nodes(in.keyring));
  if (seen.is_ok() && seen->nodes == nodes) {
    return static_cast<size_t>(std::ranges::count_if(in.keyring.nodes(), is_staying));
  }
  COFFER_ASSIGN(const auto with_slot, nodes_with_slots(store, in));
  return static_cast<size_t>(std::ranges::count_if(in.keyring.nodes(), [&](const EnrolledNode& node) {
    return is_staying(node) && with_slot && with_slot->contains(node.name);
  }));
}

Result<std::optional<NodeSlotStanding>> NodeSlotKeeper::standing(KeyringStore& store, const KeyringInHand& in,
                                                                 uint64_t now) const {
  COFFER_ASSIGN(const bool allowed, is_allowed());
  if (!allowed) return std::optional<NodeSlotStanding>();
  NodeSlotStanding out;
  const auto until = starts_until(store, in, now);
  out.start = until.status();
  if (until.is_ok()) out.until = *until;
  COFFER_ASSIGN(out.with_slot, count_with_slot(store, in));
  for (const EnrolledNode& node : in.keyring.nodes()) out.nodes += node.is_leaving() ? 0 : 1;
  return std::optional(std::move(out));
}

Status NodeSlotKeeper::clean(KeyringStore& store, const KeyringHeader& header) const {
  COFFER_ASSIGN(const bool allowed, is_allowed());
  return allowed ? store.keep_node_slots(node_slots_beginning(SlotGeneration::of(header))) : Status::ok();
}

}  // namespace coffer
