// A live keyring's node slots: a start by this node's, and what is kept for those of all. live_node_slots.cc has when.
#pragma once

#include <set>

#include "coffer/keys/node_slots.h"
#include "coffer/keys/own_node.h"

namespace coffer {

// A keyring as it is open, and its key.
struct KeyringInHand {
  const Keyring& keyring;
  const KeyringHeader& header;
  const KeyringKey& key;
};

// Whether programs that serve start by this node's slot, and how many nodes have one.
struct NodeSlotStanding {
  Status start;          // Ok, or why not now
  uint64_t until = 0;    // Unix seconds until which they do, if no node finds the root key well before; 0: they do not
  size_t nodes = 0;      // in the coffer's list, but for those that are about to go
  size_t with_slot = 0;  // of these, have one of the present keyring key, of which nothing is proved
};

// Thread-safe. Where the policy has no node slots, nothing is read nor written.
class NodeSlotKeeper {
 public:
  explicit NodeSlotKeeper(std::unique_ptr<OwnNode> own) : own_(std::move(own)) {}

  struct Opening {
    KeyringKey key;
    uint64_t seen = 0;   // Unix seconds: when some node last found the root key well
    uint64_t until = 0;  // Unix seconds until which it opens by what is known now
    std::shared_ptr<const NodeIdentity> node;
  };
  // By this node's slot. Nothing: the policy has none. Else why not: kNotFound, kWrongKey, kTampered, kDamaged, those
  // of OwnNode, and kKeyUnavailable: longer ago than the policy allows.
  Result<std::optional<Opening>> open(KeyringStore& store, const KeyringHeader& header, uint64_t now) const;
  // Of the keyring that it opened: this node is in its list, else kKeyUnavailable.
  static Status confirm(const Opening& opening, const Keyring& keyring);

  // When another node has found the root key well, at most `interval` seconds ago; nothing: none has.
  Result<std::optional<uint64_t>> seen_by_another(KeyringStore& store, const KeyringInHand& in, uint64_t now,
                                                  uint64_t interval) const;
  // This one has, then: says so to all, and makes what slots are missing.
  Status note_seen(KeyringStore& store, const KeyringInHand& in, uint64_t seen) const;
  // It has found the root key revoked: so nobody starts by an earlier finding.
  Status forget_seen(KeyringStore& store, const KeyringHeader& header) const;
  // What this node believes from now on. Ok also where it cannot have a slot.
  Status keep_pin(const KeyringInHand& in, uint64_t seen) const;

  // Before `next` is saved in place of `before`: slots for all its nodes, where its key or its nodes are others.
  // `seen`: when the root key was.
  Status prepare(KeyringStore& store, const KeyringInHand& before, const KeyringInHand& next, uint64_t seen) const;
  // Once it is saved: those of other keyring keys go.
  Status clean(KeyringStore& store, const KeyringHeader& header) const;
  // Names of nodes that have one of the present keyring key, of which nothing is proved. Nothing: the policy has none.
  Result<std::optional<std::set<std::string>>> nodes_with_slots(KeyringStore& store, const KeyringInHand& in) const;
  // Opens this node's slot, and so its keys. Nothing: the policy has none.
  Result<std::optional<NodeSlotStanding>> standing(KeyringStore& store, const KeyringInHand& in, uint64_t now) const;

 private:
  Result<bool> is_allowed() const;
  Result<uint64_t> starts_until(KeyringStore& store, const KeyringInHand& in, uint64_t now) const;
  Result<size_t> count_with_slot(KeyringStore& store, const KeyringInHand& in) const;

  const std::unique_ptr<OwnNode> own_;
};

}  // namespace coffer
