// LiveKeyring opened by this node's slot; and its part in keeping the slots of all nodes, and in the looks at the root
// key that one of them takes for all.
#include <algorithm>

#include "coffer/base/clock.h"
#include "coffer/keys/live_keyring.h"
#include "coffer/keys/look_times.h"

namespace coffer {

void LiveKeyring::note_node_slot(Status KeyringCondition::* which, const Status& outcome) {
  std::lock_guard lock(mutex_);
  Status& known = condition_.*which;
  if (outcome.code() == known.code() && outcome.message() == known.message()) return;
  known = outcome;
  ++condition_.change_count;
}

// Nothing: a provider is to be asked.
std::optional<Keyring> LiveKeyring::open_by_node_slot(const KeyringStore::Snapshot& stored, const ShardSource& shards,
                                                      KeyringKey& key) {
  // Who says where the root key is wants to have that one asked.
  if (node_slots_ == nullptr || !starts_by_node_slot_ || !root_uri_.empty()) return std::nullopt;
  // What took the keys away was the root key's trouble, and nothing else brings them back.
  const bool is_start = in_use_.keyring == nullptr;
  if (!is_start && in_use_.key.empty()) return std::nullopt;
  auto opening = node_slots_->open(*store_, stored.header, now_seconds());
  if (!opening.is_ok()) note_node_slot(&KeyringCondition::node_slot, opening.status());
  if (!opening.is_ok() || !opening->has_value()) return std::nullopt;
  NodeSlotKeeper::Opening& by = **opening;
  auto opened = KeyringCodec::open(stored.sealed, by.key, shards);
  const Status usable = opened.is_ok() ? NodeSlotKeeper::confirm(by, *opened) : opened.status();
  note_node_slot(&KeyringCondition::node_slot, usable);
  if (!usable.is_ok()) return std::nullopt;
  key = std::move(by.key);
  std::lock_guard lock(mutex_);
  if (is_start) condition_.opened_by_node_slot = true;
  condition_.root_key_answered = std::max(condition_.root_key_answered, by.seen);
  return std::move(*opened);
}

Status LiveKeyring::with_node_slots(const std::function<Status(KeyringStore&, const KeyringInHand&)>& use) const {
  InUse in;
  std::shared_ptr<KeyringStore> at;
  {
    std::lock_guard turn(turn_);
    in = in_use_;
    at = store_;
  }
  if (in.keyring == nullptr || !in.keyring->has_keys()) return Status::ok();
  COFFER_ASSIGN(const KeyringKey key, in.key.open());
  return use(*at, KeyringInHand{*in.keyring, *in.header, key});
}

bool LiveKeyring::root_was_seen_by_another() {
  if (node_slots_ == nullptr || !condition().root_key.is_ok()) return false;
  uint64_t age_max = 0;
  {
    std::lock_guard lock(mutex_);
    const auto interval = std::min(check_interval_, check_interval_max_);
    age_max = static_cast<uint64_t>(look_stands_for(interval) / std::chrono::seconds(1));
  }
  std::optional<uint64_t> seen;
  const Status looked = with_node_slots([&](KeyringStore& store, const KeyringInHand& in) -> Status {
    COFFER_ASSIGN(seen, node_slots_->seen_by_another(store, in, now_seconds(), age_max));
    return seen ? node_slots_->keep_pin(in, *seen) : Status::ok();
  });
  if (!looked.is_ok()) note_node_slot(&KeyringCondition::node_slots_kept, looked);
  if (!seen) return false;
  std::lock_guard lock(mutex_);
  condition_.root_key_answered = std::max(condition_.root_key_answered, *seen);
  return true;
}

void LiveKeyring::tell_nodes_of_root() {
  const KeyringCondition now = condition();
  const RootTrouble trouble = root_trouble(now.root_key);
  if (node_slots_ == nullptr || trouble == RootTrouble::kUnreachable || now.opened_locally) return;
  // Perhaps there are no keys any more.
  if (trouble == RootTrouble::kRevoked) {
    note_node_slot(&KeyringCondition::node_slots_kept, node_slots_->forget_seen(*store(), *header()));
    return;
  }
  const Status told = with_node_slots([&](KeyringStore& store, const KeyringInHand& in) -> Status {
    COFFER_TRY(node_slots_->note_seen(store, in, now.root_key_answered));
    return node_slots_->keep_pin(in, now.root_key_answered);
  });
  note_node_slot(&KeyringCondition::node_slots_kept, told);
}

Result<std::optional<std::set<std::string>>> LiveKeyring::nodes_with_slots() const {
  std::optional<std::set<std::string>> out;
  if (node_slots_ == nullptr) return out;
  COFFER_TRY(with_node_slots([&](KeyringStore& store, const KeyringInHand& in) -> Status {
    COFFER_ASSIGN(out, node_slots_->nodes_with_slots(store, in));
    return Status::ok();
  }));
  return out;
}

Result<std::optional<NodeSlotStanding>> LiveKeyring::node_slot_standing() const {
  std::optional<NodeSlotStanding> out;
  if (node_slots_ == nullptr) return out;
  COFFER_TRY(with_node_slots([&](KeyringStore& store, const KeyringInHand& in) -> Status {
    COFFER_ASSIGN(out, node_slots_->standing(store, in, now_seconds()));
    return Status::ok();
  }));
  return out;
}

// Of a keyring key that was just taken up: the next one is sealed from its sender.
void LiveKeyring::keep_node_pin() {
  if (node_slots_ == nullptr) return;
  const auto key = in_use_.key.open();
  if (!key.is_ok()) return;
  const Status kept = node_slots_->keep_pin({*in_use_.keyring, *in_use_.header, *key}, condition().root_key_answered);
  note_node_slot(&KeyringCondition::node_slots_kept, kept);
}

// Where the keyring has just come to there are none.
void LiveKeyring::make_node_slots() {
  if (node_slots_ == nullptr) return;
  const auto key = in_use_.key.open();
  if (!key.is_ok()) return;
  const KeyringInHand in{*in_use_.keyring, *in_use_.header, *key};
  note_node_slot(&KeyringCondition::node_slots_kept,
                 node_slots_->note_seen(*store_, in, condition().root_key_answered));
}

void LiveKeyring::prepare_node_slots(const Successor& next, const KeyringHeader& header) {
  if (node_slots_ == nullptr) return;
  const auto present = in_use_.key.open();
  if (!present.is_ok()) return;
  const Status prepared = node_slots_->prepare(*store_, {*in_use_.keyring, *in_use_.header, *present},
                                               {next.keyring, header, next.key}, condition().root_key_answered);
  note_node_slot(&KeyringCondition::node_slots_kept, prepared);
}

}  // namespace coffer
