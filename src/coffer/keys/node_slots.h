// Node slots: the keyring key, sealed to each node's own key, so that a node starts without asking a key provider. They
// stand beside the keyring, and nobody is believed for writing there. docs/format.md, section 28; docs/adr/0051.
//
// Who seals has a key pair that follows from a keyring key: that very one, and for those who have not taken it up yet
// the one before. A node opens what comes from the sender of the keyring key that it used last, and nothing else.
#pragma once

#include "coffer/keys/keyring_store.h"
#include "coffer/keys/node_list.h"

namespace coffer {

// Slots stand in so many values, so that a start reads one of them, and not all.
inline constexpr size_t kNodeSlotShardCount = 64;
// How far clocks of nodes may be apart, in seconds.
inline constexpr uint64_t kNodeClockSkew = 60;

// Of which keyring key: each new one comes with a new first slot of the keyring.
struct SlotGeneration {
  Id coffer_id;
  Id first_slot;

  static SlotGeneration of(const KeyringHeader& header) { return {header.coffer_id, header.slots.front().id}; }
};

Result<X25519Private> node_slot_sender(const KeyringKey& key, const Id& coffer_id);

std::string node_slots_beginning(const SlotGeneration& generation);  // of the names that follow
std::string node_slots_name(const SlotGeneration& generation, const X25519Public& sender, const X25519Public& node);
std::string root_seen_name(const SlotGeneration& generation);

// For all nodes that are not about to go.
Result<std::vector<NodeSlotValue>> seal_node_slots(const SlotGeneration& generation, const Keyring& keyring,
                                                   const KeyringKey& key, const X25519Private& sender);
// Out of the value that has this node's. kNotFound: it has none; kWrongKey: another sender's, another node's, of
// another generation, or altered; kDamaged.
Result<KeyringKey> open_node_slot(ByteView value, const SlotGeneration& generation, const NodeIdentity& node,
                                  const X25519Public& sender);
// Whether there is one for this node; nothing is proved.
bool has_node_slot(ByteView value, const X25519Public& node);

// When a node has found the root key well, and which nodes have slots by the sender of the present keyring key.
struct RootSeen {
  uint64_t time = 0;  // Unix seconds
  Sha256 nodes{};

  bool operator==(const RootSeen&) const = default;
};
Result<Sha256> digest_of_nodes(const Keyring& keyring);
Result<Bytes> seal_root_seen(const RootSeen& seen, const SlotGeneration& generation, const KeyringKey& key);
// What says that nobody has seen it.
Bytes root_not_seen();
// kNotFound: not seen; kDamaged; kTampered: nobody with the keyring key has written it.
Result<RootSeen> open_root_seen(ByteView value, const SlotGeneration& generation, const KeyringKey& key);

// Whether `seen` is not longer ago than `period`, nor in the future, by clocks as they are.
bool is_recent(uint64_t seen, uint64_t now, uint64_t period);

}  // namespace coffer
