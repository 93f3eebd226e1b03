#include "coffer/format/envelope.h"

#include <algorithm>

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "coffer/crypto/key_wrap.h"
#include "coffer/format/envelope_record.h"

namespace coffer {
namespace {

constexpr uint64_t kBodySizeMax = uint64_t{1} << 40;

bool has_magic(ByteView slot) { return std::ranges::equal(slot.first(kEnvelopeMagic.size()), kEnvelopeMagic); }

bool is_kind(uint8_t number) {
  switch (static_cast<Kind>(number)) {
    case Kind::kBlocks:
    case Kind::kLog:
    case Kind::kCtr:
    case Kind::kPages:
    case Kind::kSqlite:
    case Kind::kSqliteJournal:
    case Kind::kSqliteWal:
    case Kind::kDirectory: return true;
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
    case Kind::kSqliteWal:
    case Kind::kDirectory: break;
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

}  // namespace

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

namespace {

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
  if (version != SlotRecord::kVersion) return unsupported("format version", version);
  if (find_suite(suite) == nullptr) return unsupported("suite", suite);
  if (!is_kind(kind)) return unsupported("kind", kind);
  if (wrap != SlotRecord::kWrapKwp) return unsupported("wrap algorithm", wrap);
  fields.suite = static_cast<Suite>(suite);
  fields.kind = static_cast<Kind>(kind);
  fields.body_sealed = (flags & SlotRecord::kFlagBodySealed) != 0;
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
  if (load_le32(&record[SlotRecord::kCrcOffset]) != crc32c(record.first(SlotRecord::kCrcOffset))) return out;

  Reader reader(record.subspan(kEnvelopeMagic.size()));
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
  zero = is_all_zero(reader.bytes(6)) && zero && (flags & ~SlotRecord::kFlagBodySealed) == 0 &&
         is_all_zero(slot.subspan(kSlotRecordSize));
  const ByteView wrapped_field = record.subspan(SlotRecord::kWrappedOffset, SlotRecord::kWrappedFieldSize);
  const bool wrapped_fits = wrapped == wrapped_size(suite_info(fields.suite).key_size) &&
                            is_all_zero(wrapped_field.subspan(wrapped)) &&
                            is_all_zero(record.first(SlotRecord::kMacOffset).last(SlotRecord::kReservedSize));
  std::ranges::copy(record.subspan(SlotRecord::kEarlierBodyOffset, fields.earlier_body.size()),
                    fields.earlier_body.begin());
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
    case Kind::kDirectory: return "directory";
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

}  // namespace coffer
