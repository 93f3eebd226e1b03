// The first version of a keyring, made once for each coffer.
#pragma once

#include "coffer/keys/live_keyring.h"

namespace coffer {

struct FirstKeyring {
  Bytes sealed;
  std::string audit_record;  // the first line of its audit log
  std::vector<SealedShard> shards;
};
// Under a fresh keyring key, in one slot for the root's current key. `note`: what is being made, for the audit log.
Result<FirstKeyring> seal_first_keyring(Keyring keyring, const ConfiguredRoot& root, std::string_view note);
// The same under this key, which the slots wrap.
Result<FirstKeyring> seal_first_keyring(Keyring keyring, std::span<const KeyringSlot> slots, const KeyringKey& key,
                                        std::string_view note);
// Has the anchor remember it, where there is one.
Status remember_first_keyring(const KeyringSurroundings& surroundings, ByteView sealed);

}  // namespace coffer
