// A node's copy of its keyring in files: COFFER/keyring.copy, docs/format.md, section 23.
#pragma once

#include "coffer/config/config.h"
#include "coffer/keys/keyring_copy.h"

namespace coffer {

inline constexpr std::string_view kKeyringCopyName = "keyring.copy";

// `grace`: how many seconds a copy opens after it was last known to be the newest. `open_store`: where the keyring is
// now; null: on this node, of which nothing is kept.
// `disk` outlives it.
using StoreOfKeyring = std::function<Result<std::unique_ptr<KeyringStore>>()>;
std::unique_ptr<KeyringCopy> open_keyring_copy(Disk& disk, const std::string& directory, uint64_t grace,
                                               StoreOfKeyring open_store);

}  // namespace coffer
