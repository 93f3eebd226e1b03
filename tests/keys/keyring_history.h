// Successive versions of one keyring, and changing a stored one as every program does.
#pragma once

#include <functional>

#include "coffer/keys/keyring_store.h"
#include "keys/fixtures.h"

namespace coffer {

inline KeyringKey history_key() { return keyring_key_of(0x5a); }

class KeyringHistory {
 public:
  explicit KeyringHistory(uint8_t coffer = 0xc0) : keyring_(Keyring::create(id_of(coffer), 1).value()) {}

  // Version `version`, made when first asked for. Equal in size from version 2 on.
  const Bytes& sealed(uint64_t version) {
    while (versions_.size() < version) {
      if (!versions_.empty()) {
        EXPECT_TRUE(KeyringCodec::prepare_successor(keyring_, versions_.back(), versions_.size()).is_ok());
      }
      versions_.push_back(seal());
    }
    return versions_[version - 1];
  }
  // The latest version, sealed once more: same number, other bytes. REQUIRES: `version` is the latest made.
  Bytes another(uint64_t version) {
    EXPECT_EQ(version, versions_.size());
    return seal();
  }

 private:
  Bytes seal() {
    KeyringSlot slot = slot_of(1);
    return KeyringCodec::seal(keyring_, std::span(&slot, 1), history_key()).value();
  }

  Keyring keyring_;
  std::vector<Bytes> versions_;
};

// Loads, changes and saves, again if somebody else was faster.
inline Result<uint64_t> update_keyring(KeyringStore& store, const std::function<Status(Keyring&)>& change) {
  while (true) {
    COFFER_ASSIGN(KeyringStore::Snapshot current, store.load());
    COFFER_ASSIGN(Keyring keyring, KeyringCodec::open(current.sealed, history_key()));
    COFFER_TRY(KeyringCodec::prepare_successor(keyring, current.sealed, 1));
    COFFER_TRY(change(keyring));
    COFFER_ASSIGN(Bytes sealed, KeyringCodec::seal(keyring, current.header.slots, history_key()));
    Status saved = store.save(sealed, current.header.version);
    if (saved.is_ok()) return keyring.version();
    if (saved.code() != Code::kConflict) return saved;
  }
}

}  // namespace coffer
