// Sealed shards: docs/format.md, section 7, "Shards". Pure: bytes in, bytes out.
#pragma once

#include "coffer/keys/keyring_shard.h"

namespace coffer {

struct SealedShard {
  Sha256 name;  // the hash of its bytes
  Bytes bytes;
};

class ShardCodec {
 public:
  // Seals the shards of `keyring` that have changed, each under a fresh key, and notes key, size and name: those that
  // must be there before the keyring is saved. None for a keyring of one shard. kLimitExceeded for one of more than
  // 16 MiB.
  static Result<std::vector<SealedShard>> seal_changed(Keyring& keyring);
  // What the keyring `of` names. kPlaintext: it does not begin like a shard; kTruncated; kDamaged: checksum;
  // kUnsupported: version; kForeign: another coffer's; kTampered: another one than was named, or one that does not
  // authenticate or breaks a rule of the format.
  static Result<std::shared_ptr<const Shard>> open(ByteView sealed, const ShardEntry& shard, const Keyring& of);

 private:
  static Result<SealedShard> seal(ShardEntry& shard, const Id& coffer_id);
};

}  // namespace coffer
