// The sealed part of a backup: a domain's name, its keys' ids, and the list of its files.
#include <algorithm>

#include "coffer/base/codec.h"
#include "coffer/base/text.h"
#include "coffer/crypto/stream.h"
#include "coffer/format/backup.h"

namespace coffer {
namespace {

constexpr std::array<uint8_t, 8> kPartMagic{0x43, 0x4F, 0x46, 0x42, 0x4B, 0x50, 0x0D, 0x0A};  // "COFBKP", CR, LF
constexpr uint16_t kPartVersion = 1;
constexpr size_t kPartHeadSize = 48;
constexpr size_t kPartDomainSizeMax = 64;
constexpr size_t kPartKeySize = 20;
constexpr uint32_t kPartKeyCountMax = 65535;
constexpr Suite kPartSuite = Suite::kAes256Gcm;

Bytes part_context(const Id& backup, const Id& part) {
  Bytes out(backup.bytes.begin(), backup.bytes.end());
  out.insert(out.end(), part.bytes.begin(), part.bytes.end());
  return out;
}

Result<StreamKey> part_key(const KeyringKey& backup_key, const Id& backup, const Id& part) {
  COFFER_ASSIGN(SecretBytes derived, derive(backup_key.reveal(), "backup part", part_context(backup, part),
                                            stream_key_size(kPartSuite)));
  return StreamKey(std::move(derived));
}

void write_part_head(const Id& backup, const Id& part, Writer& writer) {
  writer.bytes(kPartMagic);
  writer.u16(kPartVersion);
  writer.zeros(6);
  writer.id(backup);
  writer.id(part);
}

bool is_of_this_backup(const StreamedFile& file, const Id& backup) {
  if (file.from != file.body_size) return false;
  return file.empty || (file.envelope.fields.store_id == backup && file.envelope.fields.domain_key_id == backup);
}

// Empty, or the rule that is broken.
std::string_view broken_part_rule(const BackupPart& part, const Id& backup) {
  if (part.domain.empty() || part.domain.size() > kPartDomainSizeMax || has_control(part.domain)) {
    return "no domain has such a name";
  }
  if (part.keys.size() > kPartKeyCountMax) return "it has more keys than a domain";
  for (size_t i = 0; i < part.keys.size(); ++i) {
    if (part.keys[i].version <= (i == 0 ? 0 : part.keys[i - 1].version)) return "keys are not in their order";
  }
  if (part.files.empty()) return "it has no file";
  const auto ours = [&](const StreamedFile& file) { return is_of_this_backup(file, backup); };
  return std::ranges::all_of(part.files, ours) ? "" : "a file is of another backup, or not all of it is there";
}

Status broken_part(std::string_view rule) {
  return {Code::kTampered, "the backup's part breaks a rule: " + std::string(rule)};
}

Result<BackupPart> read_part(ByteView plain, const Id& backup) {
  Reader reader(plain);
  BackupPart out;
  out.domain = as_text(reader.bytes8(kPartDomainSizeMax));
  const uint32_t count = reader.u32();
  if (!reader.ok() || count > reader.remaining() / kPartKeySize) return broken_part("it ends within its keys");
  for (uint32_t i = 0; i < count; ++i) {
    const Id id = reader.id();
    out.keys.push_back({id, reader.u32()});
  }
  auto files = read_stream_manifest(reader.bytes(reader.remaining()));
  if (!files.is_ok()) return files.status().with_context("the backup's part");
  out.files = std::move(*files);
  if (const std::string_view rule = broken_part_rule(out, backup); !rule.empty()) return broken_part(rule);
  return out;
}

}  // namespace

Result<FileStreamKey> backup_files_key(const KeyringKey& backup_key, const Id& backup, const Id& part) {
  COFFER_ASSIGN(SecretBytes key, derive(backup_key.reveal(), "backup files", part_context(backup, part), 32));
  return FileStreamKey(DomainKey(std::move(key)));
}

Result<Bytes> seal_backup_part(const KeyringKey& backup_key, const Id& backup, const Id& part,
                               const BackupPart& contents) {
  if (const std::string_view rule = broken_part_rule(contents, backup); !rule.empty()) {
    return {Code::kInvalidArgument, "this is no part of a backup: " + std::string(rule)};
  }
  COFFER_ASSIGN(const Bytes manifest, write_stream_manifest(contents.files));
  const size_t plain = 1 + contents.domain.size() + 4 + kPartKeySize * contents.keys.size() + manifest.size();
  if (kPartHeadSize + plain + kTagSize > kBackupFileSizeMax) {
    return {Code::kLimitExceeded, "domain " + contents.domain + " has too many files for one backup: make two"};
  }
  Bytes out(kPartHeadSize + plain + kTagSize);
  const MutableBytes bytes(out);
  Writer writer(bytes);
  write_part_head(backup, part, writer);
  writer.bytes8(as_bytes(contents.domain));
  writer.u32(static_cast<uint32_t>(contents.keys.size()));
  for (const BackupDomainKey& key : contents.keys) {
    writer.id(key.id);
    writer.u32(key.version);
  }
  writer.bytes(manifest);
  COFFER_ASSIGN(const StreamKey key, part_key(backup_key, backup, part));
  COFFER_ASSIGN(StreamSealer sealer, StreamSealer::create(kPartSuite, key));
  const MutableBytes body = bytes.subspan(kPartHeadSize);
  COFFER_TRY(sealer.seal(0, bytes.first(kPartHeadSize), body.first(plain), body.data()));
  return out;
}

Result<BackupPart> open_backup_part(const KeyringKey& backup_key, const BackupIndex& index,
                                    const BackupPartEntry& entry, ByteView bytes) {
  COFFER_ASSIGN(const Sha256 digest, sha256(bytes));
  if (bytes.size() != entry.size || digest != entry.digest) {
    return {Code::kDamaged, "it is not what the backup's index names: it was damaged or replaced where it is kept"};
  }
  std::array<uint8_t, kPartHeadSize> expected{};
  Writer writer(expected);
  write_part_head(index.id, entry.id, writer);
  if (bytes.size() < kPartHeadSize + kTagSize || !std::ranges::equal(bytes.first(8), kPartMagic)) {
    return broken_part("it is none");
  }
  if (load_le16(&bytes[8]) != kPartVersion) {
    return {Code::kUnsupported, "the backup's part is of version " + std::to_string(load_le16(&bytes[8])) +
                                    ", which this Coffer does not know: use a newer one"};
  }
  if (!std::ranges::equal(bytes.first(kPartHeadSize), expected)) return broken_part("it is of another backup");
  COFFER_ASSIGN(const StreamKey key, part_key(backup_key, index.id, entry.id));
  COFFER_ASSIGN(const StreamOpener opener, StreamOpener::create(kPartSuite, key));
  Bytes plain(bytes.size() - kPartHeadSize - kTagSize);
  if (!opener.open(0, bytes.first(kPartHeadSize), bytes.subspan(kPartHeadSize), plain.data())) {
    return broken_part("it does not open by the backup's key");
  }
  return read_part(plain, index.id);
}

}  // namespace coffer
