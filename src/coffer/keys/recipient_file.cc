#include "coffer/keys/recipient_file.h"

#include "coffer/base/text.h"
#include "coffer/crypto/x25519.h"
#include "coffer/keys/keyring_slot_codec.h"

namespace coffer {
namespace {

constexpr std::string_view kRecipientMagic("COFBKR\r\n", 8);
constexpr uint16_t kRecipientVersion = 1;
constexpr size_t kRecipientHeadSize = 32;

Status broken_recipient(std::string rule) {
  return {Code::kTampered, "the recipient breaks a rule: " + std::move(rule)};
}

Result<Sha256> recipient_mac(ByteView before, const Id& backup, const KeyringKey& backup_key) {
  COFFER_ASSIGN(const SecretBytes key, derive(backup_key.reveal(), "backup recipient", backup.view(), 32));
  return hmac_sha256(key.reveal(), before);
}

}  // namespace

Result<Bytes> write_recipient_file(const RecipientFile& file, const KeyringKey& backup_key) {
  Bytes out(kRecipientHeadSize + slots_size({&file.slot, 1}) + 1 + file.sender.size() + 1 + file.shown.size() +
            sizeof(Sha256));
  Writer writer(out);
  writer.bytes(as_bytes(kRecipientMagic));
  writer.u16(kRecipientVersion);
  writer.zeros(6);
  writer.id(file.backup);
  write_slot(file.slot, writer);
  writer.bytes8(file.sender);
  writer.bytes8(as_bytes(file.shown));
  COFFER_ASSIGN(const Sha256 mac, recipient_mac(ByteView(out).first(writer.written()), file.backup, backup_key));
  writer.bytes(mac);
  if (!writer.ok() || writer.written() != out.size() || out.size() > kRecipientFileSizeMax) {
    return {Code::kInternal, "the recipient " + file.slot.root + " did not fit its own size"};
  }
  return out;
}

Result<RecipientFile> read_recipient_file(ByteView bytes) {
  const std::string_view text = as_text(bytes);
  if (!text.starts_with(kRecipientMagic)) {
    const bool begins = kRecipientMagic.starts_with(text);
    return begins ? Status(Code::kTruncated, "the recipient ends within its first bytes")
                  : Status(Code::kPlaintext, "it is no recipient of a backup");
  }
  Reader reader(bytes.subspan(kRecipientMagic.size()));
  const uint16_t version = reader.u16();
  if (reader.ok() && version != kRecipientVersion) {
    return {Code::kUnsupported, "the recipient has version " + std::to_string(version) + "; use a newer coffer"};
  }
  const ByteView reserved = reader.bytes(6);
  RecipientFile out;
  out.backup = reader.id();
  out.slot = read_slot(reader);
  const ByteView sender = reader.bytes8(kX25519Size);
  out.sender.assign(sender.begin(), sender.end());
  out.shown = as_text(reader.bytes8(kRecipientShownSizeMax));
  reader.bytes(sizeof(Sha256));
  if (!reader.ok()) return {Code::kTruncated, "the recipient ends within its fields"};
  if (!reader.finished()) return broken_recipient("nothing must follow its MAC");
  if (!is_all_zero(reserved)) return broken_recipient("its reserved bytes must be zero");
  if (const Status rule = check_slots({&out.slot, 1}); !rule.is_ok()) {
    return broken_recipient(std::string(rule.message()));
  }
  if (out.sender.size() != (out.slot.wrapped.algorithm == kWrapAlgorithmRecipient ? kX25519Size : 0)) {
    return broken_recipient("it must name its sender if, and only if, it is sealed to a public key");
  }
  if (has_control(out.shown)) return broken_recipient("what is shown of it must have no control characters");
  return out;
}

Status check_recipient_file(ByteView bytes, const KeyringKey& backup_key) {
  COFFER_REQUIRE(bytes.size() > kRecipientHeadSize + sizeof(Sha256), "a recipient file was read before");
  const ByteView before = bytes.first(bytes.size() - sizeof(Sha256));
  Reader reader(bytes.subspan(kRecipientHeadSize - sizeof(Id::bytes)));
  COFFER_ASSIGN(const Sha256 mac, recipient_mac(before, reader.id(), backup_key));
  if (equal_constant_time(mac, bytes.last(sizeof(Sha256)))) return Status::ok();
  return {Code::kTampered, "the recipient's MAC is not by the key that it wraps"};
}

}  // namespace coffer
