#include "coffer/keys/keyring_key_mac.h"

namespace coffer {

Result<Sha256> mac_by_keyring_key(const KeyringKey& key, std::string_view label, const Id& coffer_id,
                                  std::string_view message) {
  COFFER_ASSIGN(const SecretBytes mac_key, derive(key.reveal(), label, coffer_id.view(), Sha256().size()));
  return hmac_sha256(mac_key.reveal(), as_bytes(message));
}

}  // namespace coffer
