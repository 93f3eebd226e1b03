// Sealed keyrings: docs/format.md, section 7.
#include <algorithm>

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "coffer/crypto/random.h"
#include "coffer/crypto/stream.h"
#include "coffer/keys/keyring_body.h"
#include "coffer/keys/keyring_shard.h"
#include "coffer/keys/keyring_slot_codec.h"

namespace coffer {
namespace {

constexpr std::string_view kMagic = "COFFKEYR";
constexpr uint16_t kFormatVersion = 1;
constexpr size_t kHeaderSize = 104;
constexpr size_t kSaltSize = 32;
constexpr size_t kCommitmentSize = 32;
constexpr size_t kChecksumSize = 4;

struct Parsed {
  KeyringHeader header;
  uint16_t format_version = 0;
  uint16_t slot_count = 0;
  uint32_t sealed_body_size = 0;
  ByteView salt;
  ByteView commitment;
  ByteView associated;   // everything before the sealed body
  ByteView sealed_body;  // ciphertext ‖ tag
};

std::string bytes_text(size_t size) { return std::to_string(size) + " bytes"; }

Status tampered(std::string rule) {
  return {Code::kTampered, "the keyring's checksum fits, but it breaks a rule: " + std::move(rule)};
}

Status check_beginning(ByteView sealed) {
  std::string_view start = as_text(sealed.first(std::min(sealed.size(), kMagic.size())));
  if (!kMagic.starts_with(start)) {
    return {Code::kPlaintext, "not a keyring, or damaged in its first bytes: it does not begin with COFFKEYR"};
  }
  if (sealed.size() < kHeaderSize + kChecksumSize) {
    return {Code::kTruncated, "the keyring is cut short: " + bytes_text(sealed.size()) + " are less than its header"};
  }
  return {};
}

bool checksum_fits(ByteView sealed) {
  ByteView checked = sealed.first(sealed.size() - kChecksumSize);
  return crc32c(checked) == load_le32(sealed.data() + checked.size());
}

// False where the fields do not add up.
bool parse_fields(ByteView sealed, Parsed& parsed) {
  Reader reader(sealed);
  reader.bytes(kMagic.size());
  parsed.format_version = reader.u16();
  parsed.slot_count = reader.u16();
  parsed.sealed_body_size = reader.u32();
  parsed.header.coffer_id = reader.id();
  parsed.header.version = reader.u64();
  parsed.salt = reader.bytes(kSaltSize);
  parsed.commitment = reader.bytes(kCommitmentSize);
  if (!reader.ok() || parsed.slot_count == 0 || parsed.slot_count > kKeyringSlotCountMax) return false;
  for (uint16_t i = 0; i < parsed.slot_count; ++i) parsed.header.slots.push_back(read_slot(reader));
  if (!reader.ok()) return false;
  parsed.associated = sealed.first(sealed.size() - reader.remaining());
  parsed.sealed_body = reader.bytes(parsed.sealed_body_size);
  reader.bytes(kChecksumSize);
  return reader.finished();
}

// The size that the fields of a damaged keyring ask for; more than there is where it ends within its slots, and nothing
// where the fields cannot be right.
std::optional<size_t> claimed_size(ByteView sealed) {
  constexpr size_t kUnknownButMore = SIZE_MAX;
  const uint16_t slot_count = load_le16(sealed.data() + 10);
  const uint32_t body_size = load_le32(sealed.data() + 12);
  if (slot_count == 0 || slot_count > kKeyringSlotCountMax || body_size > kKeyringBodySizeMax) return std::nullopt;
  size_t at = kHeaderSize;
  for (uint16_t i = 0; i < slot_count; ++i) {
    struct Field {
      size_t skip;
      size_t size_max;
    };
    for (Field field : {Field{24, kRootNameSizeMax}, {0, kRootKeyHandleSizeMax}, {1, kWrappedKeyringKeySizeMax}}) {
      at += field.skip;
      if (at + 2 > sealed.size()) return kUnknownButMore;
      const uint16_t size = load_le16(sealed.data() + at);
      if (size > field.size_max) return std::nullopt;
      at += 2 + size_t{size};
    }
  }
  return at + body_size + kChecksumSize;
}

Result<Parsed> parse(ByteView sealed) {
  COFFER_TRY(check_beginning(sealed));
  Parsed parsed;
  const bool fits = parse_fields(sealed, parsed);
  if (!checksum_fits(sealed)) {
    if (claimed_size(sealed).value_or(0) > sealed.size()) {
      return {Code::kTruncated, "the keyring is cut short: its end is missing after " + bytes_text(sealed.size())};
    }
    return {Code::kDamaged, "the keyring's checksum differs"};
  }
  if (parsed.format_version != kFormatVersion) {
    return {Code::kUnsupported, "the keyring has format version " + std::to_string(parsed.format_version) +
                                    ", this program knows version 1; use a newer coffer"};
  }
  if (!fits) return tampered("the sizes of its parts must add up to its own");
  if (parsed.sealed_body_size < kTagSize || parsed.sealed_body_size > kKeyringBodySizeMax) {
    return tampered("its sealed body must have 16 bytes to 16 MiB");
  }
  if (parsed.header.version == 0) return tampered("versions must count from 1");
  if (Status slots = check_slots(parsed.header.slots); !slots.is_ok()) return tampered(std::string(slots.message()));
  return parsed;
}

struct SealingMaterial {
  StreamKey key;
  std::array<uint8_t, kCommitmentSize> commitment{};
};

Result<SealingMaterial> derive_material(const KeyringKey& key, const Id& coffer_id, uint64_t version, ByteView salt) {
  if (key.size() != kKeyringKeySize) return {Code::kInvalidArgument, "a keyring key has 32 bytes"};
  std::array<uint8_t, 16 + 8 + kSaltSize> context;
  Writer writer(context);
  writer.id(coffer_id);
  writer.u64(version);
  writer.bytes(salt);
  const size_t key_size = stream_key_size(Suite::kAes256Gcm);
  COFFER_ASSIGN(SecretBytes material, derive(key.reveal(), "keyring", context, key_size + kCommitmentSize));
  SealingMaterial out;
  out.key = StreamKey::copy_of(material.reveal().first(key_size));
  ByteView commitment = material.reveal().subspan(key_size);
  std::copy(commitment.begin(), commitment.end(), out.commitment.begin());
  return out;
}

}  // namespace

Result<KeyringHeader> KeyringCodec::read_header(ByteView sealed) {
  COFFER_ASSIGN(Parsed parsed, parse(sealed));
  return std::move(parsed.header);
}

Status KeyringCodec::fill(Keyring& keyring, const ShardSource& shards) {
  if (!shards) return {Code::kInternal, "a keyring with shards is opened where none can be had"};
  Status first_failure;
  for (ShardEntry& shard : keyring.shards_) {
    auto contents = shards(shard, keyring);
    if (contents.is_ok()) {
      shard.contents = std::move(*contents);
    } else if (first_failure.is_ok()) {
      first_failure = contents.status();
    }
  }
  COFFER_TRY(first_failure);
  if (keyring.find_domain(kSystemDomain) != nullptr) return Status::ok();
  return {Code::kTampered, "the sealed keyring breaks a rule: the domain system must be there"};
}

Result<Keyring> KeyringCodec::open(ByteView sealed, const KeyringKey& key, const ShardSource& shards) {
  COFFER_ASSIGN(Parsed parsed, parse(sealed));
  const KeyringHeader& header = parsed.header;
  COFFER_ASSIGN(SealingMaterial material, derive_material(key, header.coffer_id, header.version, parsed.salt));
  if (!equal_constant_time(material.commitment, parsed.commitment)) {
    return {Code::kWrongKey,
            "the keyring, version " + std::to_string(header.version) + ", was sealed under another keyring key"};
  }
  COFFER_ASSIGN(StreamOpener opener, StreamOpener::create(Suite::kAes256Gcm, material.key));
  SecretBytes body(parsed.sealed_body.size() - kTagSize);
  if (!opener.open(0, parsed.associated, parsed.sealed_body, body.reveal_mutable().data())) {
    return {Code::kTampered, "the keyring does not authenticate: it was altered after it was sealed"};
  }
  COFFER_ASSIGN(Keyring keyring, KeyringBody::decode(body.reveal()));
  if (keyring.coffer_id() != header.coffer_id || keyring.version() != header.version) {
    return {Code::kTampered, "the sealed keyring is of another coffer or version than its header says"};
  }
  if (keyring.shards_.size() > 1) COFFER_TRY(fill(keyring, shards));
  COFFER_TRY(keyring.check_rollouts());
  COFFER_TRY(keyring.check_questions());
  return keyring;
}

Result<Bytes> KeyringCodec::seal(const Keyring& keyring, std::span<const KeyringSlot> slots, const KeyringKey& key) {
  COFFER_TRY(check_slots(slots));
  const size_t sealed_body_size = KeyringBody::size(keyring) + kTagSize;
  if (sealed_body_size > kKeyringBodySizeMax) {
    return {Code::kLimitExceeded,
            "the keyring's " + bytes_text(sealed_body_size) + " are more than the 16 MiB it may have"};
  }
  std::array<uint8_t, kSaltSize> salt;
  COFFER_TRY(random_bytes(salt));
  COFFER_ASSIGN(SealingMaterial material, derive_material(key, keyring.coffer_id(), keyring.version(), salt));
  COFFER_ASSIGN(StreamSealer sealer, StreamSealer::create(Suite::kAes256Gcm, material.key));
  COFFER_ASSIGN(SecretBytes body, KeyringBody::encode(keyring));

  const size_t associated_size = kHeaderSize + slots_size(slots);
  Bytes sealed(associated_size + sealed_body_size + kChecksumSize);
  Writer writer(sealed);
  writer.bytes(as_bytes(kMagic));
  writer.u16(kFormatVersion);
  writer.u16(static_cast<uint16_t>(slots.size()));
  writer.u32(static_cast<uint32_t>(sealed_body_size));
  writer.id(keyring.coffer_id());
  writer.u64(keyring.version());
  writer.bytes(salt);
  writer.bytes(material.commitment);
  for (const KeyringSlot& slot : slots) write_slot(slot, writer);
  if (!writer.ok() || writer.written() != associated_size)
    return {Code::kInternal, "a keyring did not fit its own size"};

  MutableBytes all(sealed);
  COFFER_TRY(sealer.seal(0, all.first(associated_size), body.reveal(), sealed.data() + associated_size));
  store_le32(sealed.data() + sealed.size() - kChecksumSize, crc32c(all.first(sealed.size() - kChecksumSize)));
  return sealed;
}

Status KeyringCodec::prepare_successor(Keyring& keyring, ByteView current_sealed, uint64_t now) {
  COFFER_ASSIGN(KeyringHeader current, read_header(current_sealed));
  if (current.coffer_id != keyring.coffer_id_ || current.version != keyring.version_) {
    return {Code::kConflict, "version " + std::to_string(keyring.version_) +
                                 " of the keyring does not follow from version " + std::to_string(current.version) +
                                 " of coffer " + current.coffer_id.short_hex()};
  }
  if (keyring.version_ == UINT64_MAX) return {Code::kLimitExceeded, "the keyring has no version left"};
  COFFER_ASSIGN(const Sha256 hash, sha256(current_sealed));
  if (keyring.ancestors_.size() == kAncestorsMax) keyring.ancestors_.pop_back();
  keyring.ancestors_.insert(keyring.ancestors_.begin(), hash);
  ++keyring.version_;
  keyring.updated_ = now;
  return {};
}

}  // namespace coffer
