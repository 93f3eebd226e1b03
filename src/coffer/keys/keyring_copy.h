// What a node keeps of a keyring that is kept elsewhere, for a start while that does not answer: the sealed bytes, and
// when they were last known to be the newest. docs/keys.md, "In etcd".
#pragma once

#include "coffer/keys/keyring_store.h"

namespace coffer {

// Implementations are thread-safe, between processes as well.
class KeyringCopy {
 public:
  virtual ~KeyringCopy() = default;

  // As it was kept; it may be used once confirm() has said so. kNotFound; else as KeyringStore::load().
  virtual Result<KeyringStore::Snapshot> load() = 0;
  virtual Result<Bytes> load_shard(const ShardEntry& shard) = 0;
  // Of what load() returned, opened: when it was last known to be the newest, in Unix seconds. kProviderUnavailable:
  // the time that the policy gives it is over. kRolledBack: the clock is set back. kTampered: nobody with the keyring
  // said so.
  virtual Result<uint64_t> confirm(const Keyring& keyring, ByteView sealed) = 0;
  // For who serves, again and again: keeps what is stored now, if that is the keyring in use.
  virtual Status keep(const Keyring& in_use) = 0;
};

}  // namespace coffer
