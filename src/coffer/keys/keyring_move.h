// The end of a move of the keyring that was interrupted behind the point from which it only goes on: the old place says
// that it is gone. docs/adr/0045.
#pragma once

#include "coffer/keys/keyring_store.h"
#include "coffer/keys/move_record.h"

namespace coffer {

// What has arrived at `target`, or still does, of a keyring that went as `gone`: the keyring as it is there, sealed.
// kNotFound: it is not there; kRolledBack: an older one is; kDiverged.
Result<Bytes> find_arrived(KeyringStore& target, const KeyringMark& gone);
// From now on it is the keyring of that place. Once more is no error.
Status settle_keyring(KeyringStore& target, const MoveRecord& arrival);

}  // namespace coffer
