#include "coffer/keys/node_slots.h"

#include <algorithm>

#include "coffer/base/text.h"
#include "coffer/keys/keyring_key_mac.h"

namespace coffer {
namespace {

constexpr uint8_t kNodeSlotsVersion = 1;
constexpr size_t kSlotCiphertextSize = kKeyringKeySize + 16;
constexpr size_t kSlotEntrySize = 16 + kX25519Size + kSlotCiphertextSize;
constexpr size_t kSlotsFixedSize = 1 + 2;
constexpr size_t kRootSeenSize = 1 + 8 + 32;  // without its MAC
constexpr size_t kSenderNameSize = 8;
constexpr std::string_view kSlotPurpose = "slot";
constexpr std::string_view kSlotInfo = "coffer/v1 node slot";

Status not_slots() { return {Code::kDamaged, "the node slots are not as Coffer writes them"}; }

// Says which slot is whose, without the node's name.
Result<Id> slot_id(const X25519Public& node) {
  COFFER_ASSIGN(const Sha256 hash, sha256(labelled("coffer/v1 node slot of", node)));
  Id out;
  std::copy_n(hash.begin(), out.bytes.size(), out.bytes.begin());
  return out;
}

size_t shard_of(const Id& slot) { return slot.bytes[0] % kNodeSlotShardCount; }

Bytes slot_binding(const SlotGeneration& generation, const X25519Public& agreement, const SignaturePublicKey& signing) {
  Bytes out;
  for (const ByteView part : {generation.coffer_id.view(), generation.first_slot.view(), ByteView(agreement),
                              ByteView(signing)}) {
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

std::string shard_text(size_t shard) {
  const auto byte = static_cast<uint8_t>(shard);
  return to_hex({&byte, 1});
}

std::string name_of_shard(const SlotGeneration& generation, const X25519Public& sender, size_t shard) {
  return node_slots_beginning(generation) + to_hex(ByteView(sender).first(kSenderNameSize)) + "." + shard_text(shard);
}

struct SlotEntry {
  Id id;
  HpkeSealed sealed;
};

Bytes slots_value(std::vector<SlotEntry>& entries) {
  std::ranges::sort(entries, {}, [](const SlotEntry& entry) { return entry.id.bytes; });
  Bytes out(kSlotsFixedSize + entries.size() * kSlotEntrySize);
  Writer writer(out);
  writer.u8(kNodeSlotsVersion);
  writer.u16(static_cast<uint16_t>(entries.size()));
  for (const SlotEntry& entry : entries) {
    writer.id(entry.id);
    writer.bytes(entry.sealed.encapsulated);
    writer.bytes(entry.sealed.ciphertext);
  }
  return out;
}

// kNotFound: there is none of this id.
Result<HpkeSealed> find_slot(ByteView value, const Id& id) {
  Reader reader(value);
  if (reader.u8() != kNodeSlotsVersion) return not_slots();
  const uint16_t count = reader.u16();
  if (!reader.ok() || reader.remaining() != count * kSlotEntrySize) return not_slots();
  for (uint16_t left = count; left > 0; --left) {
    const Id found = reader.id();
    HpkeSealed sealed;
    reader.copy_to(sealed.encapsulated);
    const ByteView ciphertext = reader.bytes(kSlotCiphertextSize);
    if (found != id) continue;
    sealed.ciphertext.assign(ciphertext.begin(), ciphertext.end());
    return sealed;
  }
  return {Code::kNotFound, "there is no slot for this node"};
}

Result<Sha256> root_seen_mac(ByteView fields, const SlotGeneration& generation, const KeyringKey& key) {
  const std::string message = std::string(as_text(fields)) + std::string(as_text(generation.first_slot.view()));
  return mac_by_keyring_key(key, "root seen", generation.coffer_id, message);
}

}  // namespace

Result<X25519Private> node_slot_sender(const KeyringKey& key, const Id& coffer_id) {
  COFFER_ASSIGN(const SecretBytes input, derive(key.reveal(), "node slot sender", coffer_id.view(), 32));
  return hpke_derive_private(input.reveal());
}

std::string node_slots_beginning(const SlotGeneration& generation) { return generation.first_slot.hex() + "."; }

std::string node_slots_name(const SlotGeneration& generation, const X25519Public& sender, const X25519Public& node) {
  const auto id = slot_id(node);
  return name_of_shard(generation, sender, id.is_ok() ? shard_of(*id) : 0);
}

std::string root_seen_name(const SlotGeneration& generation) { return node_slots_beginning(generation) + "seen"; }

Result<std::vector<NodeSlotValue>> seal_node_slots(const SlotGeneration& generation, const Keyring& keyring,
                                                   const KeyringKey& key, const X25519Private& sender) {
  std::array<std::vector<SlotEntry>, kNodeSlotShardCount> shards;
  for (const EnrolledNode& node : keyring.nodes()) {
    if (node.is_leaving()) continue;
    const Bytes binding = slot_binding(generation, node.agreement, node.signing);
    COFFER_ASSIGN(HpkeSealed sealed, hpke_seal({.info = as_bytes(kSlotInfo), .associated = binding}, node.agreement,
                                               sender, key.reveal()));
    COFFER_ASSIGN(const Id id, slot_id(node.agreement));
    shards[shard_of(id)].push_back({id, std::move(sealed)});
  }
  COFFER_ASSIGN(const X25519Public by, x25519_public(sender));
  std::vector<NodeSlotValue> out;
  for (size_t i = 0; i < shards.size(); ++i) {
    if (!shards[i].empty()) out.push_back({name_of_shard(generation, by, i), slots_value(shards[i])});
  }
  return out;
}

Result<KeyringKey> open_node_slot(ByteView value, const SlotGeneration& generation, const NodeIdentity& node,
                                  const X25519Public& sender) {
  COFFER_ASSIGN(const Id id, slot_id(node.node().agreement));
  COFFER_ASSIGN(const HpkeSealed sealed, find_slot(value, id));
  const Bytes binding = slot_binding(generation, node.node().agreement, node.node().signing);
  const NodePublic from{"", generation.coffer_id, sender};
  COFFER_ASSIGN(SecretBytes key, node.open(from, kSlotPurpose, binding, sealed));
  return KeyringKey(std::move(key));
}

bool has_node_slot(ByteView value, const X25519Public& node) {
  const auto id = slot_id(node);
  return id.is_ok() && find_slot(value, *id).is_ok();
}

Result<Sha256> digest_of_nodes(const Keyring& keyring) {
  Bytes all;
  for (const EnrolledNode& node : keyring.nodes()) {
    if (node.is_leaving()) continue;
    all.insert(all.end(), node.agreement.begin(), node.agreement.end());
    all.insert(all.end(), node.signing.begin(), node.signing.end());
  }
  return sha256(all);
}

Result<Bytes> seal_root_seen(const RootSeen& seen, const SlotGeneration& generation, const KeyringKey& key) {
  Bytes out(kRootSeenSize + sizeof(Sha256));
  Writer writer(out);
  writer.u8(kNodeSlotsVersion);
  writer.u64(seen.time);
  writer.bytes(seen.nodes);
  COFFER_ASSIGN(const Sha256 mac, root_seen_mac(ByteView(out).first(kRootSeenSize), generation, key));
  writer.bytes(mac);
  return out;
}

Bytes root_not_seen() { return {kNodeSlotsVersion}; }

Result<RootSeen> open_root_seen(ByteView value, const SlotGeneration& generation, const KeyringKey& key) {
  if (std::ranges::equal(value, root_not_seen())) {
    return {Code::kNotFound, "the root key was found revoked since it was last seen well"};
  }
  if (value.size() != kRootSeenSize + sizeof(Sha256)) return not_slots();
  Reader reader(value);
  if (reader.u8() != kNodeSlotsVersion) return not_slots();
  RootSeen out;
  out.time = reader.u64();
  reader.copy_to(out.nodes);
  COFFER_ASSIGN(const Sha256 mac, root_seen_mac(value.first(kRootSeenSize), generation, key));
  if (!equal_constant_time(mac, value.subspan(kRootSeenSize))) {
    return {Code::kTampered, "when the root key was seen was not written by who has the keyring key"};
  }
  return out;
}

bool is_recent(uint64_t seen, uint64_t now, uint64_t period) {
  return seen <= now ? now - seen <= period : seen - now <= kNodeClockSkew;
}

}  // namespace coffer
