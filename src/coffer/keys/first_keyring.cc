#include "coffer/keys/first_keyring.h"

#include "coffer/crypto/random.h"
#include "coffer/keys/audit_log.h"

namespace coffer {

Result<FirstKeyring> seal_first_keyring(Keyring keyring, const ConfiguredRoot& root, std::string_view note) {
  COFFER_ASSIGN(KeyringKey key, random_key<KeyringRole>(kKeyringKeySize));
  COFFER_ASSIGN(KeyringSlot slot, make_slot(root, keyring.coffer_id(), key));
  return seal_first_keyring(std::move(keyring), {&slot, 1}, key, note);
}

Result<FirstKeyring> seal_first_keyring(Keyring keyring, std::span<const KeyringSlot> slots, const KeyringKey& key,
                                        std::string_view note) {
  COFFER_ASSIGN(AuditRecord record, make_audit_record(nullptr, {keyring, slots}, note, keyring.updated()));
  keyring.set_audit_head(record.head);
  COFFER_ASSIGN(std::vector<SealedShard> shards, ShardCodec::seal_changed(keyring));
  COFFER_ASSIGN(Bytes sealed, KeyringCodec::seal(keyring, slots, key));
  return FirstKeyring{std::move(sealed), std::move(record.text), std::move(shards)};
}

Status remember_first_keyring(const KeyringSurroundings& surroundings, ByteView sealed) {
  if (!surroundings.open_anchor) return Status::ok();
  COFFER_ASSIGN(KeyringHeader header, KeyringCodec::read_header(sealed));
  COFFER_ASSIGN(auto anchor, surroundings.open_anchor());
  COFFER_ASSIGN(Sha256 hash, sha256(sealed));
  return anchor->advance({header.version, hash});
}

}  // namespace coffer
