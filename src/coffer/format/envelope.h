// The envelope: the first 8192 bytes of every Coffer file, two slots that hold the wrapped file key and can be replaced
// in place. docs/format.md, "Envelope"; E1 to E7, which code and tests cite, are the invariants of that section.
#pragma once

#include <optional>

#include "coffer/base/secret.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/suite.h"

namespace coffer {

inline constexpr size_t kEnvelopeSize = 8192;
inline constexpr size_t kSlotSize = 4096;
inline constexpr size_t kSlotRecordSize = 512;
inline constexpr size_t kFileIdOffset = 24;  // in a slot
inline constexpr std::array<uint8_t, 8> kEnvelopeMagic{0x43, 0x4F, 0x46, 0x46, 0x45, 0x52, 0x0D, 0x0A};

enum class Kind : uint8_t {
  kBlocks = 1,
  kLog = 2,
  kCtr = 3,
  kPages = 4,
  kSqlite = 5,
  kSqliteJournal = 6,
  kSqliteWal = 7,
  kDirectory = 8,
};
// "blocks", "log", "ctr", "pages", "sqlite", "sqlite-journal", "sqlite-wal", "directory"
std::string_view kind_name(Kind kind);
// A database of SQLite, or what it needs to repair one.
constexpr bool is_of_sqlite(Kind kind) {
  return kind == Kind::kSqlite || kind == Kind::kSqliteJournal || kind == Kind::kSqliteWal;
}

// What a slot says in clear. Nothing here is secret; nothing here is trusted before open_envelope() has succeeded.
struct EnvelopeFields {
  Suite suite = Suite::kAes256Gcm;
  Kind kind = Kind::kBlocks;
  uint8_t chunk_log2 = 0;    // blocks: 10 to 20; pages: 10 to 16; otherwise 0
  bool body_sealed = false;  // ctr, closed: body_size and body_mac are set
  uint64_t sequence = 0;
  Id file_id;
  Id store_id;
  Id domain_key_id;
  uint32_t domain_key_version = 0;
  // The lowest and the highest of its domain's versions that ever wrapped the file key. An update extends them.
  uint16_t oldest_key_version = 1;
  uint16_t newest_key_version = 1;
  uint64_t keyring_version = 0;
  uint64_t body_size = 0;  // bytes after the envelope
  std::array<uint8_t, kTagSize> body_mac{};
  Sha256 earlier_body{};  // log, recycled: fingerprint of what stood where its body begins; else zeros

  bool operator==(const EnvelopeFields&) const = default;
};

enum class SlotState : uint8_t {
  kEmpty,     // all zeros: never written
  kReadable,  // well-formed, checksum good; not yet authenticated
  kDamaged,   // anything else: a torn update or a media error
};

// What can be read of an envelope without a key.
struct EnvelopeScan {
  std::array<SlotState, 2> slots{SlotState::kEmpty, SlotState::kEmpty};
  int current = -1;       // the readable slot with the higher sequence; -1 when there is none
  EnvelopeFields fields;  // of the current slot
  // Of the other slot, if that is readable too: what it says needs its key as long as it stands there.
  std::optional<EnvelopeFields> other;
  Bytes record;  // the current slot's 512 bytes
};

// Says what kind of bytes these are. kTruncated when there are fewer than kEnvelopeSize bytes; kPlaintext when neither
// slot bears the magic (and not all is zero); kUnsupported for an unknown version, suite, kind or wrap algorithm in a
// slot with a good checksum, whatever the other slot is; kDamaged when a slot bears the magic but none is readable. All
// zeros: ok, current == -1.
Result<EnvelopeScan> scan_envelope(ByteView envelope);

// Unwraps the file key of the current slot and authenticates the slot (E1, E6). REQUIRES: scan.current >= 0.
// kWrongKey when the domain key does not unwrap it, kTampered when the slot's HMAC does not fit.
Result<FileKey> open_envelope(const EnvelopeScan& scan, const DomainKey& domain_key);

// A new file's envelope: both slots hold `fields` with sequences 1 and 2. `fields.sequence` is ignored.
Status seal_envelope(const EnvelopeFields& fields, const DomainKey& domain_key, const FileKey& file_key,
                     std::span<uint8_t, kEnvelopeSize> out);

// A replacement slot, to be written at `offset` of the file: the slot that is not current, with the next sequence.
struct SlotUpdate {
  uint64_t offset = 0;  // 0 or kSlotSize
  std::array<uint8_t, kSlotSize> bytes{};
};
// `fields` says what the slot is to hold (its sequence, and the oldest and newest key version, are ignored).
// kInvalidArgument if it changes what binds the body: suite, kind, chunk size, file id, store id or the earlier body.
// REQUIRES: scan.current >= 0.
Result<SlotUpdate> seal_slot_update(const EnvelopeScan& scan, const EnvelopeFields& fields, const DomainKey& domain_key,
                                    const FileKey& file_key);
// What the current slot says, for the other one: with the same wrapped key, and so without the domain key. kTampered
// when the current slot's HMAC does not fit `file_key`. REQUIRES: scan.current >= 0.
Result<SlotUpdate> repeat_slot(const EnvelopeScan& scan, const FileKey& file_key);

}  // namespace coffer
