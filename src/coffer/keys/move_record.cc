#include "coffer/keys/move_record.h"

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "coffer/keys/audit_log.h"

namespace coffer {
namespace {

constexpr std::string_view kMoveMagic = "COFFMOVE";
constexpr uint16_t kMoveVersion = 1, kArriving = 1, kGone = 2;
constexpr size_t kMoveHeaderSize = 8 + 2 + 2 + 16 + 8 + 32;
constexpr size_t kMoveChecksumSize = 4;

Status broken_rule(std::string rule) {
  return {Code::kTampered, "the checksum of a moving keyring's record fits, but it breaks a rule: " + std::move(rule)};
}

Bytes record_of(uint16_t kind, const Id& coffer_id, const KeyringMark& mark, size_t rest_size) {
  Bytes out(kMoveHeaderSize + rest_size + kMoveChecksumSize);
  Writer writer(out);
  writer.bytes(as_bytes(kMoveMagic));
  writer.u16(kMoveVersion);
  writer.u16(kind);
  writer.id(coffer_id);
  writer.u64(mark.version);
  writer.bytes(mark.hash);
  return out;
}

Bytes checked(Bytes record) {
  const size_t end = record.size() - kMoveChecksumSize;
  store_le32(record.data() + end, crc32c(ByteView(record).first(end)));
  return record;
}

Result<Sha256> move_mac(const Keyring& keyring, const KeyringMark& mark) {
  std::array<uint8_t, 8 + 32> message;
  Writer writer(message);
  writer.u64(mark.version);
  writer.bytes(mark.hash);
  return keyring.authenticate("coffer/v1 keyring moved", as_text(message));
}

Status take_arriving(Reader& reader, MoveRecord& out) {
  const uint32_t size = reader.u32();
  const ByteView keyring = reader.bytes(size);
  const ByteView record = reader.bytes(reader.remaining());
  if (!reader.ok() || keyring.empty() || size > kKeyringFileSizeMax || record.size() > kAuditRecordSizeMax) {
    return broken_rule("it must have a keyring and its audit record");
  }
  COFFER_ASSIGN(const KeyringHeader header, KeyringCodec::read_header(keyring));
  COFFER_ASSIGN(const Sha256 hash, sha256(keyring));
  if (header.coffer_id != out.coffer_id || out.mark != KeyringMark{header.version, hash}) {
    return broken_rule("its keyring must be the one that it names");
  }
  out.keyring.assign(keyring.begin(), keyring.end());
  out.audit_record = as_text(record);
  return Status::ok();
}

}  // namespace

bool is_move_record(ByteView stored) {
  return stored.size() >= kMoveMagic.size() && as_text(stored.first(kMoveMagic.size())) == kMoveMagic;
}

Result<MoveRecord> read_move_record(ByteView stored) {
  if (!is_move_record(stored)) return {Code::kPlaintext, "no record of a moving keyring"};
  if (stored.size() < kMoveHeaderSize + kMoveChecksumSize) {
    return {Code::kTruncated, "the record of a moving keyring is cut short"};
  }
  const ByteView before = stored.first(stored.size() - kMoveChecksumSize);
  if (crc32c(before) != load_le32(stored.data() + before.size())) {
    return {Code::kDamaged, "the checksum of a moving keyring's record differs"};
  }
  Reader reader(before.subspan(kMoveMagic.size()));
  if (const uint16_t version = reader.u16(); version != kMoveVersion) {
    return {Code::kUnsupported, "the record of a moving keyring has format version " + std::to_string(version) +
                                    ", this program knows version 1; use a newer coffer"};
  }
  const uint16_t kind = reader.u16();
  MoveRecord out;
  out.coffer_id = reader.id();
  out.mark.version = reader.u64();
  reader.copy_to(out.mark.hash);
  if (out.mark.version < 2) return broken_rule("what has moved has had a version before");
  if (kind == kArriving) {
    COFFER_TRY(take_arriving(reader, out));
    return out;
  }
  reader.copy_to(out.mac);
  if (kind != kGone || !reader.finished()) return broken_rule("it must say of a keyring that it arrives, or is gone");
  return out;
}

Result<Bytes> arriving_record(ByteView keyring, std::string_view audit_record) {
  COFFER_ASSIGN(const KeyringHeader header, KeyringCodec::read_header(keyring));
  KeyringMark mark{header.version, {}};
  COFFER_ASSIGN(mark.hash, sha256(keyring));
  Bytes out = record_of(kArriving, header.coffer_id, mark, 4 + keyring.size() + audit_record.size());
  Writer writer(MutableBytes(out).subspan(kMoveHeaderSize));
  writer.u32(static_cast<uint32_t>(keyring.size()));
  writer.bytes(keyring);
  writer.bytes(as_bytes(audit_record));
  return checked(std::move(out));
}

Result<Bytes> gone_record(const Keyring& keyring, const KeyringMark& mark) {
  COFFER_ASSIGN(const Sha256 mac, move_mac(keyring, mark));
  Bytes out = record_of(kGone, keyring.coffer_id(), mark, mac.size());
  std::copy(mac.begin(), mac.end(), out.begin() + kMoveHeaderSize);
  return checked(std::move(out));
}

Status check_gone_record(const MoveRecord& record, const Keyring& keyring) {
  if (record.coffer_id != keyring.coffer_id()) {
    return {Code::kForeign, "that is of another coffer, " + record.coffer_id.short_hex() + ", which has moved"};
  }
  COFFER_ASSIGN(const Sha256 mac, move_mac(keyring, record.mark));
  if (equal_constant_time(mac, record.mac)) return Status::ok();
  return {Code::kTampered, "nobody who can open the keyring wrote that it has moved; restore it from a backup"};
}

Status moved_keyring(ByteView stored, const std::string& name) {
  const auto record = read_move_record(stored);
  if (!record.is_ok()) return record.status().with_context(name);
  const std::string what = "the keyring of coffer " + record->coffer_id.short_hex();
  if (record->is_gone()) {
    return {Code::kForeign, name + ": " + what +
                                " has moved to another place; repeat the command if it was interrupted, else say in "
                                "this node's coffer.yaml where it is now (keyring_store; none: in its directory)"};
  }
  return {Code::kForeign, name + ": " + what + " is just moving here, or its move was interrupted; repeat that: " +
                              "coffer keyring move"};
}

}  // namespace coffer
