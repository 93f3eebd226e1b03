// What outlives a program of its looks at the root key: since when it is in trouble, and, where the operator allows it,
// a sealed copy of the keyring key that opens the coffer on this machine while the root key's provider does not answer.
// docs/keys.md, "A restart in an outage"; docs/adr/0034.
#pragma once

#include <optional>

#include "coffer/keys/keyring.h"
#include "coffer/keys/policy.h"

namespace coffer {

// What a program knows of its root key after a look.
struct RootSighting {
  RootTrouble trouble = RootTrouble::kNone;
  uint64_t since = 0;     // Unix seconds; 0 where there is no trouble
  uint64_t answered = 0;  // Unix seconds of the last look that found it well; 0: none that this program knows of
};

// Of the copy that this machine keeps.
struct LocalUnlocking {
  KeyringKey key;
  uint64_t answered = 0;  // Unix seconds: when the root key was last found well
};

// Implementations are thread-safe, between processes as well.
class RootMemory {
 public:
  virtual ~RootMemory() = default;

  // The keyring key by the copy, for a root key whose provider does not answer. Nothing where that is not allowed.
  // kNotFound: allowed, but none is kept. kProviderUnavailable: the time that the policy gives an outage is over.
  // kRolledBack: the clock is set back, or the keyring is older than the copy. kForeign: of another coffer or machine.
  // kWrongKey: of an earlier keyring key, or sealed by another local key. kDamaged, kTampered, kPermissionDenied. Else
  // the local key's.
  virtual Result<std::optional<LocalUnlocking>> unlock(const KeyringHeader& header) = 0;
  // Of the keyring that it opened: ok, or kRolledBack where this machine has kept a newer copy, or given copies up.
  virtual Status confirm(const Keyring& keyring, uint64_t answered) = 0;
  // After each look of a program that serves. A copy is kept where all is well, given up where the key is revoked.
  // `key` is the keyring's, or empty where it is not at hand.
  virtual Status note(const RootSighting& sighting, const Keyring& keyring, const KeyringHeader& header,
                      const KeyringKey& key) = 0;
};

}  // namespace coffer
