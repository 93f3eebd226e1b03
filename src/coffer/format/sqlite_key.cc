#include "coffer/format/sqlite_key.h"

#include "coffer/crypto/random.h"
#include "coffer/format/key_schedule.h"

namespace coffer {

Result<SqliteKey> SqliteKey::create(const FileKey& file_key, const Id& file_id) {
  COFFER_ASSIGN(const XaesKey body_key, sqlite_body_key(file_key, file_id));
  COFFER_ASSIGN(XaesGcm key, XaesGcm::create(body_key));
  return SqliteKey(std::move(key));
}

Result<SqliteKey> SqliteKey::create_random() {
  COFFER_ASSIGN(const auto random, random_key<XaesRole>(suite_info(Suite::kXaes256Gcm).key_size));
  COFFER_ASSIGN(XaesGcm key, XaesGcm::create(random));
  return SqliteKey(std::move(key));
}

Result<SqliteSealing> SqliteSealing::begin(const SqliteKey& key) {
  COFFER_ASSIGN(XaesSealing run, XaesSealing::begin(key.key_));
  return SqliteSealing(std::move(run));
}

Status SqliteSealing::seal(ByteView associated, ByteView plaintext, uint8_t* ciphertext, uint8_t* seal) {
  XaesSeal made;
  COFFER_TRY(run_.seal(associated, plaintext, ciphertext, made));
  std::memcpy(seal, &made, sizeof made);
  return Status::ok();
}

bool SqliteKey::open(ByteView associated, ByteView ciphertext, const uint8_t* seal, uint8_t* out) const {
  XaesSeal found;
  std::memcpy(&found, seal, sizeof found);
  return XaesOpening(key_).open(associated, ciphertext, found, out);
}

}  // namespace coffer
