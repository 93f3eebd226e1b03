// Slots as they stand in a keyring, in clear, and its key groups, which have slots too: docs/format.md, section 7.
#pragma once

#include <span>

#include "coffer/base/codec.h"
#include "coffer/keys/keyring.h"

namespace coffer {

// What the reader lacks, it says.
KeyringSlot read_slot(Reader& reader);
void write_slot(const KeyringSlot& slot, Writer& writer);
size_t slots_size(std::span<const KeyringSlot> slots);
// kInvalidArgument for what a keyring or group must not have.
Status check_slots(std::span<const KeyringSlot> slots);

// The part of a body that has the groups, their count included. kTampered, naming the rule that is broken.
Result<std::vector<KeyGroup>> read_groups(Reader& reader);
void write_groups(std::span<const KeyGroup> groups, Writer& writer);
size_t groups_size(std::span<const KeyGroup> groups);  // without the count

}  // namespace coffer
