// Writing envelopes and their slots, and opening what was read of them. docs/format.md, "Envelope".
#include <algorithm>
#include <limits>

#include "coffer/base/check.h"
#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "coffer/format/envelope_record.h"
#include "coffer/format/key_schedule.h"

namespace coffer {
namespace {

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
  writer.bytes(kEnvelopeMagic);
  writer.u16(SlotRecord::kVersion);
  writer.u8(static_cast<uint8_t>(fields.suite));
  writer.u8(static_cast<uint8_t>(fields.kind));
  writer.u8(fields.chunk_log2);
  writer.u8(SlotRecord::kWrapKwp);
  writer.u8(fields.body_sealed ? SlotRecord::kFlagBodySealed : 0);
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
  writer.zeros(SlotRecord::kWrappedFieldSize - wrapped.size());
  writer.bytes(fields.earlier_body);
  writer.zeros(SlotRecord::kReservedSize);
  COFFER_ASSIGN(Sha256 mac, envelope_mac(file_key, fields.file_id, record.first(SlotRecord::kMacOffset)));
  writer.bytes(mac);
  writer.u32(crc32c(record.first(SlotRecord::kCrcOffset)));
  if (!writer.ok()) return {Code::kInternal, "an envelope record does not fit its 512 bytes"};
  return Status::ok();
}

ByteView wrapped_key(const EnvelopeScan& scan) {
  const size_t size = wrapped_size(suite_info(scan.fields.suite).key_size);
  return ByteView(scan.record).subspan(SlotRecord::kWrappedOffset, size);
}

// E1
Status check_record(const EnvelopeScan& scan, const FileKey& file_key) {
  const ByteView record(scan.record);
  COFFER_ASSIGN(Sha256 mac, envelope_mac(file_key, scan.fields.file_id, record.first(SlotRecord::kMacOffset)));
  if (file_key.size() == suite_info(scan.fields.suite).key_size &&
      equal_constant_time(mac, record.subspan(SlotRecord::kMacOffset, mac.size()))) {
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
