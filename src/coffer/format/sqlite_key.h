// What seals and opens the parts of a SQLite file: XAES-256-GCM under a key that is the file's own. docs/format.md,
// section 17.
#pragma once

#include "coffer/crypto/xaes.h"
#include "coffer/format/envelope.h"

namespace coffer {

// Of each page: nonce, tag, and eight bytes more, which are zero. SQLite leaves them alone.
inline constexpr size_t kSqliteReserve = 48;
inline constexpr uint32_t kSqlitePageSizeMin = 1024;
inline constexpr uint32_t kSqlitePageSizeMax = 65536;

// Whether a database of Coffer's has pages of this size.
constexpr bool is_sqlite_page_size(uint64_t size) {
  return size >= kSqlitePageSizeMin && size <= kSqlitePageSizeMax && (size & (size - 1)) == 0;
}

class SqliteKey;

// Seals some parts that are at hand, and is not kept: as XaesSealing. Not thread-safe.
class SqliteSealing {
 public:
  // kKeyUnavailable in a child of fork().
  static Result<SqliteSealing> begin(const SqliteKey& key);

  // Writes plaintext.size() bytes to `ciphertext`, which may equal plaintext.data(), and XaesSeal::kSize to `seal`.
  Status seal(ByteView associated, ByteView plaintext, uint8_t* ciphertext, uint8_t* seal);

 private:
  explicit SqliteSealing(XaesSealing run) : run_(std::move(run)) {}

  XaesSealing run_;
};

// Thread-safe.
class SqliteKey {
 public:
  // kInvalidArgument for a file key that has not 32 bytes.
  static Result<SqliteKey> create(const FileKey& file_key, const Id& file_id);
  // Of what never outlives the process: temporary files.
  static Result<SqliteKey> create_random();

  // False, and zeros, unless it was sealed with this key and `associated`.
  [[nodiscard]] bool open(ByteView associated, ByteView ciphertext, const uint8_t* seal, uint8_t* out) const;

  // As XaesGcm.
  void drop_key() { key_.drop_key(); }
  void take_key(SqliteKey&& same) { key_.take_key(std::move(same.key_)); }

 private:
  friend class SqliteSealing;
  explicit SqliteKey(XaesGcm key) : key_(std::move(key)) {}

  XaesGcm key_;
};

}  // namespace coffer
