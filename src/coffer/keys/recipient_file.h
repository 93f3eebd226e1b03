// The file that seals a backup's key to one recipient: docs/format.md, section 26, "Recipient". Sans-IO.
#pragma once

#include "coffer/keys/keyring.h"

namespace coffer {

inline constexpr size_t kRecipientFileSizeMax = 4096;
inline constexpr size_t kRecipientShownSizeMax = 255;

struct RecipientFile {
  Id backup;
  KeyringSlot slot;   // wraps the backup's key, and has the backup's id where a keyring's has the coffer's
  Bytes sender;       // of a slot of wrap algorithm 3: the sender's public key; else empty
  std::string shown;  // what the root's provider calls it, without control characters
};

Result<Bytes> write_recipient_file(const RecipientFile& file, const KeyringKey& backup_key);
// Nothing is authenticated yet. kPlaintext for what is none, kTruncated for the beginning of one, kUnsupported for one
// of a newer Coffer; kTampered, naming the rule that is broken.
Result<RecipientFile> read_recipient_file(ByteView bytes);
// kTampered unless who had this key wrote it. REQUIRES: read_recipient_file(bytes) is ok
Status check_recipient_file(ByteView bytes, const KeyringKey& backup_key);

}  // namespace coffer
