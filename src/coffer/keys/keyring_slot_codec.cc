#include "coffer/keys/keyring_slot_codec.h"

#include <unordered_set>

#include "coffer/keys/keyring_body.h"

namespace coffer {
namespace {

constexpr size_t kSlotSizeMin = 16 + 8 + 2 + 2 + 1 + 2;
constexpr size_t kGroupFixedSize = 2 + 16 + 1 + 8 + 16 + 2;

Status broken_group(std::string rule) {
  return {Code::kTampered, "the sealed keyring breaks a rule: " + std::move(rule)};
}

Result<KeyGroup> read_group(Reader& reader) {
  KeyGroup group;
  group.number = reader.u16();
  group.id = reader.id();
  group.name = as_text(reader.bytes8(kDomainNameSizeMax));
  group.created = reader.u64();
  group.key_id = reader.id();
  for (uint16_t left = reader.u16(); left > 0 && reader.ok(); --left) group.slots.push_back(read_slot(reader));
  if (!reader.ok()) return broken_group("it must not end within its key groups");
  if (!valid_domain_name(group.name)) return broken_group("a key group's name must be 1 to 64 of [a-z0-9._-]");
  if (group.id.is_zero()) return broken_group("the id of key group " + group.name + " must not be zero");
  const Status rule = check_slots(group.slots);
  return rule.is_ok() ? Result<KeyGroup>(std::move(group))
                      : broken_group("key group " + group.name + ": " + std::string(rule.message()));
}

}  // namespace

KeyringSlot read_slot(Reader& reader) {
  KeyringSlot slot;
  slot.id = reader.id();
  slot.created = reader.u64();
  slot.root = as_text(reader.bytes16(kRootNameSizeMax));
  ByteView handle = reader.bytes16(kRootKeyHandleSizeMax);
  slot.handle.bytes.assign(handle.begin(), handle.end());
  slot.wrapped.algorithm = reader.u8();
  ByteView wrapped = reader.bytes16(kWrappedKeyringKeySizeMax);
  slot.wrapped.bytes.assign(wrapped.begin(), wrapped.end());
  return slot;
}

void write_slot(const KeyringSlot& slot, Writer& writer) {
  writer.id(slot.id);
  writer.u64(slot.created);
  writer.bytes16(as_bytes(slot.root));
  writer.bytes16(slot.handle.bytes);
  writer.u8(slot.wrapped.algorithm);
  writer.bytes16(slot.wrapped.bytes);
}

size_t slots_size(std::span<const KeyringSlot> slots) {
  size_t size = 0;
  for (const KeyringSlot& slot : slots) {
    size += kSlotSizeMin + slot.root.size() + slot.handle.bytes.size() + slot.wrapped.bytes.size();
  }
  return size;
}

Status check_slots(std::span<const KeyringSlot> slots) {
  if (slots.empty() || slots.size() > kKeyringSlotCountMax) {
    return {Code::kInvalidArgument, "a keyring has 1 to 16 slots, not " + std::to_string(slots.size())};
  }
  std::unordered_set<Id, IdHash> ids;
  for (const KeyringSlot& slot : slots) {
    const std::string name = "slot " + slot.id.short_hex();
    if (slot.id.is_zero() || !ids.insert(slot.id).second)
      return {Code::kInvalidArgument, name + " must have an id of its own"};
    if (!valid_root_name(slot.root)) {
      return {Code::kInvalidArgument, name + " must name its root key by 1 to 64 of [A-Za-z0-9._-]"};
    }
    if (slot.handle.bytes.size() > kRootKeyHandleSizeMax) {
      return {Code::kInvalidArgument, name + " must have a handle of at most 512 bytes"};
    }
    if (slot.wrapped.algorithm < 1 || slot.wrapped.algorithm > kWrapAlgorithmRecipient) {
      return {Code::kInvalidArgument, name + " must have a known wrap algorithm"};
    }
    if (slot.wrapped.bytes.empty() || slot.wrapped.bytes.size() > kWrappedKeyringKeySizeMax) {
      return {Code::kInvalidArgument, name + " must have a wrapped keyring key of 1 to 2048 bytes"};
    }
  }
  return {};
}

Result<std::vector<KeyGroup>> read_groups(Reader& reader) {
  std::vector<KeyGroup> out;
  std::unordered_set<std::string> names;
  std::unordered_set<Id, IdHash> ids;
  const uint16_t count = reader.u16();
  if (count > kKeyGroupCountMax) return broken_group("it must not have more than 4096 key groups");
  for (uint16_t left = count; left > 0; --left) {
    COFFER_ASSIGN(KeyGroup group, read_group(reader));
    if (group.number <= (out.empty() ? 0 : out.back().number)) return broken_group("key groups must be in order");
    if (!names.insert(group.name).second || !ids.insert(group.id).second) {
      return broken_group("key group " + group.name + " must not repeat");
    }
    out.push_back(std::move(group));
  }
  return out;
}

void write_groups(std::span<const KeyGroup> groups, Writer& writer) {
  writer.u16(static_cast<uint16_t>(groups.size()));
  for (const KeyGroup& group : groups) {
    writer.u16(group.number);
    writer.id(group.id);
    writer.bytes8(as_bytes(group.name));
    writer.u64(group.created);
    writer.id(group.key_id);
    writer.u16(static_cast<uint16_t>(group.slots.size()));
    for (const KeyringSlot& slot : group.slots) write_slot(slot, writer);
  }
}

size_t groups_size(std::span<const KeyGroup> groups) {
  size_t size = 0;
  for (const KeyGroup& group : groups) size += kGroupFixedSize + group.name.size() + slots_size(group.slots);
  return size;
}

}  // namespace coffer
