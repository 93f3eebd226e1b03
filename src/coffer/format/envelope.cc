#include "coffer/format/envelope.h"

#include <algorithm>
#include <limits>

#include "coffer/base/check.h"
#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "coffer/format/key_schedule.h"

namespace coffer {
namespace {

constexpr const std::array<uint8_t, 8>& kMagic = kEnvelopeMagic;
constexpr uint16_t kVersion = 1;
constexpr uint8_t kWrapKwp = 1;
constexpr uint8_t kFlagBodySealed = 1;
constexpr size_t kWrappedFieldSize = 40;
constexpr size_t kWrappedOffset = 120;
constexpr size_t kEarlierBodyOffset = kWrappedOffset + kWrappedFieldSize;
constexpr size_t kReservedSize = 284;
constexpr size_t kMacOffset = 476;
constexpr size_t kCrcOffset = 508;
constexpr uint64_t kBodySizeMax = uint64_t{1} << 40;

bool has_magic(ByteView slot) { return std::ranges::equal(slot.first(kMagic.size()), kMagic); }

bool is_kind(uint8_t number) {
  switch (static_cast<Kind>(number)) {
    case Kind::kBlocks:
    case Kind::kLog:
    case Kind::kCtr:
    case Kind::kPages:
    case Kind::kSqlite:
    case Kind::kSqliteJournal:
    case Kind::kSqliteWal: return true;
  }
  return false;
}

CipherMode mode_of(Kind kind) {
  switch (kind) {
    case Kind::kBlocks:
    case Kind::kLog: return CipherMode::kAead;
    case Kind::kCtr: return CipherMode::kCounter;
    case Kind::kPages:
    case Kind::kSqlite:
    case Kind::kSqliteJournal:
    case Kind::kSqliteWal: break;
  }
  return CipherMode::kExtendedAead;
}

struct ChunkLog2s {
  uint8_t least, most;
};
ChunkLog2s chunk_log2_of(Kind kind) {
  if (kind == Kind::kBlocks) return {10, 20};
  return kind == Kind::kPages ? ChunkLog2s{10, 16} : ChunkLog2s{0, 0};
}

// The rules of docs/format.md, "Envelope", that concern fields together. Empty when all hold (E2).
std::string_view broken_rule(const EnvelopeFields& fields) {
  bool is_ctr = fields.kind == Kind::kCtr;
  if (suite_info(fields.suite).mode != mode_of(fields.kind)) return "the suite is not one of this kind";
  const auto [least, most] = chunk_log2_of(fields.kind);
  if (fields.chunk_log2 < least || fields.chunk_log2 > most) {
    return "chunk_log2 is 10 to 20 for blocks, 10 to 16 for pages, and 0 otherwise";
  }
  if (fields.body_sealed && !is_ctr) return "only a ctr body is sealed as a whole";
  if (!fields.body_sealed && (fields.body_size != 0 || !is_all_zero(fields.body_mac))) {
    return "a body that is not sealed has neither size nor MAC";
  }
  if (fields.kind != Kind::kLog && !is_all_zero(fields.earlier_body)) return "only a log is recycled";
  if (fields.body_size > kBodySizeMax) return "a body holds at most 2^40 bytes";
  if (fields.oldest_key_version == 0) return "domain key versions start at 1";
  if (fields.domain_key_version < fields.oldest_key_version || fields.domain_key_version > fields.newest_key_version) {
    return "the domain key is none of those that wrapped the file key";
  }
  return {};
}

Status check_fields(const EnvelopeFields& fields, const FileKey& file_key) {
  if (find_suite(static_cast<uint8_t>(fields.suite)) == nullptr) {
    return {Code::kInvalidArgument, "the envelope names an unknown suite"};
  }
  if (std::string_view rule = broken_rule(fields); !rule.empty()) {
    return {Code::kInvalidArgument, "the envelope cannot be written: " + std::string(rule)};
  }
  if (file_key.size() != suite_info(fields.suite).key_size) {
    return {Code::kInvalidArgument, "the file key is not as long as its suite's key"};
  }
  return Status::ok();
}

// Encodes, authenticates and checksums one slot's record.
Status seal_record(const EnvelopeFields& fields, ByteView wrapped, const FileKey& file_key, MutableBytes record) {
  Writer writer(record);
  writer.bytes(kMagic);
  writer.u16(kVersion);
  writer.u8(static_cast<uint8_t>(fields.suite));
  writer.u8(static_cast<uint8_t>(fields.kind));
  writer.u8(fields.chunk_log2);
  writer.u8(kWrapKwp);
  writer.u8(fields.body_sealed ? kFlagBodySealed : 0);
  writer.u8(0);
  writer.u64(fields.sequence);
  writer.id(fields.file_id);
  writer.id(fields.store_id);
  writer.id(fields.domain_key_id);
  writer.u32(fields.domain_key_version);
  writer.u16(fields.oldest_key_version);
  writer.u16(fields.newest_key_version);
  writer.u64(fields.keyring_version);
  writer.u64(fields.body_size);
  writer.bytes(fields.body_mac);
  writer.u16(static_cast<uint16_t>(wrapped.size()));
  writer.zeros(6);
  writer.bytes(wrapped);
  writer.zeros(kWrappedFieldSize - wrapped.size());
  writer.bytes(fields.earlier_body);
  writer.zeros(kReservedSize);
  COFFER_ASSIGN(Sha256 mac, envelope_mac(file_key, fields.file_id, record.first(kMacOffset)));
  writer.bytes(mac);
  writer.u32(crc32c(record.first(kCrcOffset)));
  if (!writer.ok()) return {Code::kInternal, "an envelope record does not fit its 512 bytes"};
  return Status::ok();
}

struct SlotReading {
  SlotState state = SlotState::kDamaged;
  EnvelopeFields fields;
  Status unsupported;  // kUnsupported for a number that only a newer Coffer can have written
};

Status unsupported(std::string_view what, unsigned number) {
  return {Code::kUnsupported, "the file's header names " + std::string(what) + " " + std::to_string(number) +
                                  ", which this Coffer does not know: use a newer one"};
}

// The first eight bytes after the magic: what says how to read the rest. Fails with kUnsupported.
Status read_numbers(Reader& reader, EnvelopeFields& fields, uint8_t& flags, bool& zero) {
  uint16_t version = reader.u16();
  uint8_t suite = reader.u8();
  uint8_t kind = reader.u8();
  fields.chunk_log2 = reader.u8();
  uint8_t wrap = reader.u8();
  flags = reader.u8();
  zero = reader.u8() == 0;
  if (version != kVersion) return unsupported("format version", version);
  if (find_suite(suite) == nullptr) return unsupported("suite", suite);
  if (!is_kind(kind)) return unsupported("kind", kind);
  if (wrap != kWrapKwp) return unsupported("wrap algorithm", wrap);
  fields.suite = static_cast<Suite>(suite);
  fields.kind = static_cast<Kind>(kind);
  fields.body_sealed = (flags & kFlagBodySealed) != 0;
  return Status::ok();
}

// Decodes a slot without trusting it.
SlotReading read_slot(ByteView slot) {
  SlotReading out;
  ByteView record = slot.first(kSlotRecordSize);
  if (!has_magic(slot)) {
    if (is_all_zero(slot)) out.state = SlotState::kEmpty;
    return out;
  }
  if (load_le32(&record[kCrcOffset]) != crc32c(record.first(kCrcOffset))) return out;

  Reader reader(record.subspan(kMagic.size()));
  EnvelopeFields& fields = out.fields;
  uint8_t flags = 0;
  bool zero = false;
  out.unsupported = read_numbers(reader, fields, flags, zero);
  if (!out.unsupported.is_ok()) return out;
  fields.sequence = reader.u64();
  fields.file_id = reader.id();
  fields.store_id = reader.id();
  fields.domain_key_id = reader.id();
  fields.domain_key_version = reader.u32();
  fields.oldest_key_version = reader.u16();
  fields.newest_key_version = reader.u16();
  fields.keyring_version = reader.u64();
  fields.body_size = reader.u64();
  reader.copy_to(fields.body_mac);
  size_t wrapped = reader.u16();
  zero = is_all_zero(reader.bytes(6)) && zero && (flags & ~kFlagBodySealed) == 0 &&
         is_all_zero(slot.subspan(kSlotRecordSize));
  const bool wrapped_fits = wrapped == wrapped_size(suite_info(fields.suite).key_size) &&
                            is_all_zero(record.first(kEarlierBodyOffset).subspan(kWrappedOffset + wrapped)) &&
                            is_all_zero(record.first(kMacOffset).last(kReservedSize));
  std::ranges::copy(record.subspan(kEarlierBodyOffset, fields.earlier_body.size()), fields.earlier_body.begin());
  if (reader.ok() && zero && wrapped_fits && fields.sequence > 0 && broken_rule(fields).empty()) {
    out.state = SlotState::kReadable;
  }
  return out;
}

}  // namespace

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::kBlocks: return "blocks";
    case Kind::kLog: return "log";
    case Kind::kCtr: return "ctr";
    case Kind::kPages: return "pages";
    case Kind::kSqlite: return "sqlite";
    case Kind::kSqliteJournal: return "sqlite-journal";
    case Kind::kSqliteWal: return "sqlite-wal";
  }
  return "unknown";
}

Result<EnvelopeScan> scan_envelope(ByteView envelope) {
  if (envelope.size() < kEnvelopeSize) {
    return {Code::kTruncated, "the file's header has " + std::to_string(envelope.size()) + " of " +
                                  std::to_string(kEnvelopeSize) + " bytes"};
  }
  EnvelopeScan out;
  for (int i = 0; i < 2; ++i) {
    ByteView slot = envelope.subspan(static_cast<size_t>(i) * kSlotSize, kSlotSize);
    SlotReading reading = read_slot(slot);
    out.slots[static_cast<size_t>(i)] = reading.state;
    COFFER_TRY(reading.unsupported);
    if (reading.state != SlotState::kReadable) continue;
    if (out.current >= 0 && out.fields.sequence >= reading.fields.sequence) {
      out.other = reading.fields;
      continue;
    }
    if (out.current >= 0) out.other = out.fields;
    out.current = i;
    out.fields = reading.fields;
    out.record.assign(slot.begin(), slot.begin() + kSlotRecordSize);
  }
  if (out.current >= 0 || is_all_zero(envelope.first(kEnvelopeSize))) return out;
  if (!has_magic(envelope) && !has_magic(envelope.subspan(kSlotSize))) {
    return {Code::kPlaintext, "not a Coffer file: it has no encrypted header"};
  }
  return {Code::kDamaged, "both slots of the file's header are damaged: restore the file from a backup or a replica"};
}

namespace {

ByteView wrapped_key(const EnvelopeScan& scan) {
  return ByteView(scan.record).subspan(kWrappedOffset, wrapped_size(suite_info(scan.fields.suite).key_size));
}

// E1
Status check_record(const EnvelopeScan& scan, const FileKey& file_key) {
  COFFER_ASSIGN(Sha256 mac, envelope_mac(file_key, scan.fields.file_id, ByteView(scan.record).first(kMacOffset)));
  if (file_key.size() == suite_info(scan.fields.suite).key_size &&
      equal_constant_time(mac, ByteView(scan.record).subspan(kMacOffset, mac.size()))) {
    return Status::ok();
  }
  return {Code::kTampered, "the file's header was altered by someone without its key"};
}

// The slot that is not current, with the next sequence (E4).
Result<SlotUpdate> seal_other_slot(const EnvelopeScan& scan, EnvelopeFields slot, ByteView wrapped,
                                   const FileKey& file_key) {
  if (scan.fields.sequence == std::numeric_limits<uint64_t>::max()) {
    return {Code::kLimitExceeded, "the envelope's sequence is exhausted: rewrite the file"};
  }
  slot.sequence = scan.fields.sequence + 1;
  SlotUpdate out;
  out.offset = scan.current == 0 ? kSlotSize : 0;
  COFFER_TRY(seal_record(slot, wrapped, file_key, MutableBytes(out.bytes).first(kSlotRecordSize)));
  return out;
}

}  // namespace

Result<FileKey> open_envelope(const EnvelopeScan& scan, const DomainKey& domain_key) {
  COFFER_REQUIRE(scan.current >= 0 && scan.record.size() == kSlotRecordSize,
                 "an envelope is opened by a readable slot");
  const EnvelopeFields& fields = scan.fields;
  COFFER_ASSIGN(FileKey file_key,
                unwrap_file_key(domain_key, fields.store_id, fields.file_id, fields.kind, wrapped_key(scan)));
  COFFER_TRY(check_record(scan, file_key));
  return file_key;
}

Status seal_envelope(const EnvelopeFields& fields, const DomainKey& domain_key, const FileKey& file_key,
                     std::span<uint8_t, kEnvelopeSize> out) {
  COFFER_TRY(check_fields(fields, file_key));
  COFFER_ASSIGN(Bytes wrapped, wrap_file_key(domain_key, fields.store_id, fields.file_id, fields.kind, file_key));
  std::ranges::fill(out, uint8_t{0});
  EnvelopeFields slot = fields;
  for (size_t i = 0; i < 2; ++i) {
    slot.sequence = i + 1;
    COFFER_TRY(seal_record(slot, wrapped, file_key, out.subspan(i * kSlotSize, kSlotRecordSize)));
  }
  return Status::ok();
}

Result<SlotUpdate> seal_slot_update(const EnvelopeScan& scan, const EnvelopeFields& fields, const DomainKey& domain_key,
                                    const FileKey& file_key) {
  COFFER_REQUIRE(scan.current >= 0, "an envelope is updated beside a readable slot");
  const EnvelopeFields& old = scan.fields;
  EnvelopeFields slot = fields;
  slot.oldest_key_version =
      static_cast<uint16_t>(std::min<uint32_t>(old.oldest_key_version, fields.domain_key_version));
  slot.newest_key_version =
      static_cast<uint16_t>(std::max<uint32_t>(old.newest_key_version, fields.domain_key_version));
  COFFER_TRY(check_fields(slot, file_key));
  if (fields.suite != old.suite || fields.kind != old.kind || fields.chunk_log2 != old.chunk_log2 ||
      fields.file_id != old.file_id || fields.store_id != old.store_id || fields.earlier_body != old.earlier_body) {
    // E5
    return {Code::kInvalidArgument, "an envelope update may not change what binds the body to it"};
  }
  COFFER_ASSIGN(Bytes wrapped, wrap_file_key(domain_key, fields.store_id, fields.file_id, fields.kind, file_key));
  return seal_other_slot(scan, slot, wrapped, file_key);
}

Result<SlotUpdate> repeat_slot(const EnvelopeScan& scan, const FileKey& file_key) {
  COFFER_REQUIRE(scan.current >= 0 && scan.record.size() == kSlotRecordSize, "a slot that is repeated is readable");
  COFFER_TRY(check_record(scan, file_key));
  return seal_other_slot(scan, scan.fields, wrapped_key(scan), file_key);
}

}  // namespace coffer
