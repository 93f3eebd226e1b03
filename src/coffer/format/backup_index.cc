// The marker of a target, and the index of a backup.
#include <algorithm>

#include "coffer/base/codec.h"
#include "coffer/base/text.h"
#include "coffer/format/backup.h"

namespace coffer {
namespace {

constexpr std::array<uint8_t, 8> kIndexMagic{0x43, 0x4F, 0x46, 0x42, 0x4B, 0x49, 0x0D, 0x0A};  // "COFBKI", CR, LF
constexpr uint16_t kIndexVersion = 1;
constexpr size_t kIndexFixedSize = 64;
constexpr size_t kIndexPartSize = 56;
constexpr size_t kIndexObjectSize = 40;
constexpr size_t kIndexEndSize = sizeof(Sha256) + sizeof(SignaturePublicKey) + sizeof(Signature);
constexpr uint64_t kObjectSizeMax = uint64_t{1} << 48;
constexpr std::string_view kIndexSignedAs = "coffer/v1 backup index";
constexpr std::string_view kMarkerFirst = "coffer backups ";
constexpr std::string_view kMarkerVersion = "1\ncoffer ";

size_t rows_size(const BackupIndex& index) {
  return kIndexFixedSize + kIndexPartSize * index.parts.size() + kIndexObjectSize * index.objects.size();
}

// Empty, or the rule that is broken.
std::string_view broken_index_rule(const BackupIndex& index) {
  if (index.parts.empty()) return "it has no part";
  for (size_t i = 0; i < index.parts.size(); ++i) {
    if (i > 0 && index.parts[i - 1].id >= index.parts[i].id) return "parts are not in order, or one is there twice";
    if (index.parts[i].size > kBackupFileSizeMax) return "a part is larger than any";
  }
  for (size_t i = 0; i < index.objects.size(); ++i) {
    const BackupObject& object = index.objects[i];
    if (i > 0 && index.objects[i - 1].digest >= object.digest) return "objects are not in order, or one is there twice";
    if (object.size == 0 || object.size > kObjectSizeMax) return "an object is empty, or larger than any";
  }
  return {};
}

Result<Sha256> index_mac(const Id& backup, const KeyringKey& backup_key, ByteView rows) {
  COFFER_ASSIGN(const SecretBytes key, derive(backup_key.reveal(), "backup index", backup.view(), 32));
  return hmac_sha256(key.reveal(), rows);
}

void write_index_rows(const BackupIndex& index, Writer& writer) {
  writer.bytes(kIndexMagic);
  writer.u16(kIndexVersion);
  writer.u16(0);
  writer.u32(static_cast<uint32_t>(index.parts.size()));
  writer.u64(index.objects.size());
  writer.u64(index.made);
  writer.id(index.id);
  writer.id(index.coffer_id);
  for (const BackupPartEntry& part : index.parts) {
    writer.id(part.id);
    writer.u64(part.size);
    writer.bytes(part.digest);
  }
  for (const BackupObject& object : index.objects) {
    writer.bytes(object.digest);
    writer.u64(object.size);
  }
}

void read_index_rows(Reader& reader, uint32_t parts, uint64_t objects, BackupIndex& out) {
  out.parts.resize(parts);
  for (BackupPartEntry& part : out.parts) {
    part.id = reader.id();
    part.size = reader.u64();
    reader.copy_to(part.digest);
  }
  out.objects.resize(objects);
  for (BackupObject& object : out.objects) {
    reader.copy_to(object.digest);
    object.size = reader.u64();
  }
}

Status check_index_beginning(ByteView bytes) {
  const size_t seen = std::min(bytes.size(), kIndexMagic.size());
  if (!std::ranges::equal(bytes.first(seen), ByteView(kIndexMagic).first(seen))) {
    return {Code::kPlaintext, "these bytes are no index of a backup"};
  }
  if (bytes.size() < kIndexFixedSize) {
    return {Code::kTruncated, "the index ends within its head, after " + std::to_string(bytes.size()) + " bytes"};
  }
  return Status::ok();
}

}  // namespace

std::string format_backup_marker(const Id& coffer_id) {
  return std::string(kMarkerFirst) + std::string(kMarkerVersion) + coffer_id.hex() + "\n";
}

Result<Id> parse_backup_marker(std::string_view text) {
  const std::string expected = format_backup_marker(Id());
  if (text.size() < expected.size() && !text.empty() && expected.starts_with(text.substr(0, kMarkerFirst.size()))) {
    return {Code::kTruncated, "the marker of a target of backups ends after " + std::to_string(text.size()) + " bytes"};
  }
  if (!text.starts_with(kMarkerFirst)) return {Code::kPlaintext, "this is no marker of a target of backups"};
  text.remove_prefix(kMarkerFirst.size());
  if (!text.starts_with(kMarkerVersion)) {
    return {Code::kUnsupported, "the target is one of a newer Coffer's backups: use that"};
  }
  text.remove_prefix(kMarkerVersion.size());
  const auto id = Id::parse(text.substr(0, text.size() - 1));
  if (!id.is_ok() || text.back() != '\n' || id->hex() + "\n" != text) {
    return {Code::kTampered, "the marker of a target of backups has no coffer's id"};
  }
  return id;
}

const BackupPartEntry* BackupIndex::find_part(const Id& part) const {
  const auto found = std::ranges::lower_bound(parts, part, {}, &BackupPartEntry::id);
  return found == parts.end() || found->id != part ? nullptr : &*found;
}

const BackupObject* BackupIndex::find_object(const Sha256& digest) const {
  const auto found = std::ranges::lower_bound(objects, digest, {}, &BackupObject::digest);
  return found == objects.end() || found->digest != digest ? nullptr : &*found;
}

Result<Bytes> seal_backup_index(const BackupIndex& index, const KeyringKey& backup_key, const BackupSigner& sign) {
  if (const std::string_view rule = broken_index_rule(index); !rule.empty()) {
    return {Code::kInvalidArgument, "this is no index of a backup: " + std::string(rule)};
  }
  const size_t size = rows_size(index);
  if (size + kIndexEndSize > kBackupFileSizeMax) {
    return {Code::kLimitExceeded, std::to_string(index.objects.size()) + " bodies are too many for one backup"};
  }
  Bytes out(size + kIndexEndSize);
  const MutableBytes bytes(out);
  Writer writer(bytes);
  write_index_rows(index, writer);
  COFFER_ASSIGN(const Sha256 mac, index_mac(index.id, backup_key, bytes.first(size)));
  writer.bytes(mac);
  COFFER_ASSIGN(const Signed by, sign(labelled(kIndexSignedAs, bytes.first(size + mac.size()))));
  writer.bytes(by.public_key);
  writer.bytes(by.signature);
  return out;
}

Result<BackupIndex> read_backup_index(ByteView bytes) {
  COFFER_TRY(check_index_beginning(bytes));
  Reader reader(bytes.subspan(kIndexMagic.size()));
  const uint16_t version = reader.u16();
  if (version != kIndexVersion) {
    return {Code::kUnsupported, "the backup's index is of version " + std::to_string(version) +
                                    ", which this Coffer does not know: use a newer one"};
  }
  const bool zero = reader.u16() == 0;
  const uint32_t parts = reader.u32();
  const uint64_t objects = reader.u64();
  BackupIndex out;
  out.made = reader.u64();
  out.id = reader.id();
  out.coffer_id = reader.id();
  if (parts > kBackupFileSizeMax / kIndexPartSize || objects > kBackupFileSizeMax / kIndexObjectSize) {
    return {Code::kTampered, "the backup's index counts more than one can have"};
  }
  const uint64_t size = kIndexFixedSize + kIndexPartSize * uint64_t{parts} + kIndexObjectSize * objects;
  if (bytes.size() < size + kIndexEndSize) {
    return {Code::kTruncated, "the backup's index has " + std::to_string(bytes.size()) + " of " +
                                  std::to_string(size + kIndexEndSize) + " bytes"};
  }
  read_index_rows(reader, parts, objects, out);
  reader.bytes(sizeof(Sha256));  // the MAC
  Signed by;
  reader.copy_to(by.public_key);
  reader.copy_to(by.signature);
  if (!reader.finished()) return {Code::kTampered, "something stands behind the backup's index"};
  COFFER_TRY(check_signature(by, labelled(kIndexSignedAs, bytes.first(size + sizeof(Sha256))))
                 .with_context("the backup's index is not as it was signed"));
  const std::string_view rule = zero ? broken_index_rule(out) : "a byte that has to be zero is not";
  if (!rule.empty()) return {Code::kTampered, "the backup's index breaks a rule: " + std::string(rule)};
  out.signer = by.public_key;
  return out;
}

Status check_backup_key(ByteView bytes, const KeyringKey& backup_key) {
  const size_t size = bytes.size() - kIndexEndSize;
  Reader reader(bytes.subspan(32));
  COFFER_ASSIGN(const Sha256 mac, index_mac(reader.id(), backup_key, bytes.first(size)));
  if (equal_constant_time(mac, bytes.subspan(size, mac.size()))) return Status::ok();
  return {Code::kWrongKey, "the key that the lockbox holds is not that of this backup: one of the two was put there "
                           "from another backup"};
}

}  // namespace coffer
