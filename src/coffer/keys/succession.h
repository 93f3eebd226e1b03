// Whether a stored keyring may take the place of the one in use: only forward, and only within one coffer.
#pragma once

#include "coffer/keys/version_anchor.h"

namespace coffer {

// Which keyring of which coffer.
struct KeyringIdentity {
  Id coffer_id;
  KeyringMark mark;
};

// Ok for a later version, and for the very one in use. kTampered for another coffer's, or another keyring of the same
// version; kRolledBack for an earlier one. Both are signs of an attack. `found` need not be authentic yet: who opens it
// vouches for that.
Status check_succession(const KeyringIdentity& in_use, const KeyringIdentity& found);

// A keyring that was put there on purpose: whoever serves must not go on making files as if nothing had happened. All
// other failures are of disks, networks and providers.
bool is_sign_of_attack(const Status& status);

}  // namespace coffer
