// Whether a stored keyring may take the place of the one in use: only forward, only within one coffer, and only a
// descendant of it.
#pragma once

#include "coffer/keys/version_anchor.h"

namespace coffer {

// Which keyring of which coffer.
struct KeyringIdentity {
  Id coffer_id;
  KeyringMark mark;
};

// Ok for a later version, and for the very one in use. kForeign for another coffer's, kRolledBack for an earlier one,
// kDiverged for another one of the same version. `found` need not be authentic yet: who opens it vouches for that.
Status check_succession(const KeyringIdentity& in_use, const KeyringIdentity& found);

// Of a keyring that was opened: kDiverged when it remembers another predecessor than the one that was seen. Ok where it
// is too much later to remember (kAncestorsMax).
Status check_descent(const KeyringMark& known, const Keyring& next);

}  // namespace coffer
