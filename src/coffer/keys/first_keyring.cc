#include "coffer/keys/first_keyring.h"

#include "coffer/crypto/random.h"

namespace coffer {

Result<Bytes> seal_first_keyring(const Keyring& keyring, const ConfiguredRoot& root) {
  COFFER_ASSIGN(KeyringKey key, random_key<KeyringRole>(kKeyringKeySize));
  COFFER_ASSIGN(KeyringSlot slot, make_slot(root, keyring.coffer_id(), key));
  return KeyringCodec::seal(keyring, std::span(&slot, 1), key);
}

Status remember_first_keyring(const KeyringSurroundings& surroundings, ByteView sealed) {
  if (!surroundings.open_anchor) return Status::ok();
  COFFER_ASSIGN(KeyringHeader header, KeyringCodec::read_header(sealed));
  COFFER_ASSIGN(auto anchor, surroundings.open_anchor());
  COFFER_ASSIGN(Sha256 hash, sha256(sealed));
  return anchor->advance({header.version, hash});
}

}  // namespace coffer
