// What stands in the place of a keyring that moves: in the new place while it arrives, in the old one once it is gone.
// docs/format.md, section 23, "Moving".
#pragma once

#include "coffer/keys/version_anchor.h"

namespace coffer {

// Of a keyring and an audit record, each as large as it may be.
inline constexpr size_t kMoveRecordSizeMax = size_t{26} << 20;

struct MoveRecord {
  Id coffer_id;
  KeyringMark mark;  // of the keyring that arrives, or that the new place has had since it went
  // Of one that arrives; a keyring that is gone leaves nothing.
  Bytes keyring;
  std::string audit_record;  // of the save that made it
  Sha256 mac{};              // of one that is gone

  bool is_gone() const { return keyring.empty(); }
};

// Whether it begins like one.
bool is_move_record(ByteView stored);
// kTruncated, kDamaged, kUnsupported: version; kTampered: the checksum fits, but a rule of the format is broken.
// Nothing is authenticated yet.
Result<MoveRecord> read_move_record(ByteView stored);

Result<Bytes> arriving_record(ByteView keyring, std::string_view audit_record);
// `keyring`: any of that coffer that has its keys. It names no place: where a keyring is, coffer.yaml says alone.
Result<Bytes> gone_record(const Keyring& keyring, const KeyringMark& mark);
// Ok if somebody who had opened a keyring of this coffer wrote it; kForeign: another coffer's; kTampered.
Status check_gone_record(const MoveRecord& record, const Keyring& keyring);

// What to tell of one that is found where a keyring is to be: kForeign, or why it is none. `name`: of that place.
Status moved_keyring(ByteView stored, const std::string& name);

}  // namespace coffer
