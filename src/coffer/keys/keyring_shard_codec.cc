#include "coffer/keys/keyring_shard_codec.h"

#include <algorithm>

#include "coffer/base/crc32c.h"
#include "coffer/crypto/random.h"
#include "coffer/crypto/stream.h"
#include "coffer/keys/keyring_body.h"

namespace coffer {
namespace {

constexpr std::string_view kShardMagic = "COFFSHRD";
constexpr uint16_t kShardFormatVersion = 1;
constexpr size_t kShardHeaderSize = 8 + 2 + 16;
constexpr size_t kShardChecksumSize = 4;
static_assert(kShardFixedSize == kShardHeaderSize + 2 + kTagSize + kShardChecksumSize);

Result<StreamKey> shard_stream_key(const Key<ShardRole>& key, const ShardEntry& shard, const Id& coffer_id) {
  std::array<uint8_t, 16 + 2 + 1> context;
  Writer writer(context);
  writer.id(coffer_id);
  writer.u8(static_cast<uint8_t>(shard.first >> 8));
  writer.u8(static_cast<uint8_t>(shard.first));
  writer.u8(shard.depth);
  COFFER_ASSIGN(const SecretBytes material,
                derive(key.reveal(), "keyring shard", context, stream_key_size(Suite::kAes256Gcm)));
  return StreamKey::copy_of(material.reveal());
}

// All that can be told without the shard's key.
Status check_sealed(ByteView sealed, const ShardEntry& shard, const Id& coffer_id) {
  if (!kShardMagic.starts_with(as_text(sealed.first(std::min(sealed.size(), kShardMagic.size()))))) {
    return {Code::kPlaintext, "not a shard of a keyring, or damaged in its first bytes"};
  }
  if (sealed.size() < shard.size) {
    return {Code::kTruncated, "the shard of the keyring is cut short: " + std::to_string(sealed.size()) + " of its " +
                                  std::to_string(shard.size) + " bytes are there"};
  }
  const ByteView checked = sealed.first(sealed.size() - kShardChecksumSize);
  if (sealed.size() != shard.size || crc32c(checked) != load_le32(sealed.data() + checked.size())) {
    return {Code::kDamaged, "the checksum or size of the shard of the keyring differs"};
  }
  Reader reader(sealed.subspan(kShardMagic.size()));
  if (const uint16_t version = reader.u16(); version != kShardFormatVersion) {
    return {Code::kUnsupported, "the shard of the keyring has format version " + std::to_string(version) +
                                    ", this program knows version 1; use a newer coffer"};
  }
  if (const Id found = reader.id(); found != coffer_id) {
    return {Code::kForeign,
            "the shard of the keyring is that of coffer " + found.short_hex() + ", not of " + coffer_id.short_hex()};
  }
  COFFER_ASSIGN(const Sha256 name, sha256(sealed));
  if (name == shard.name) return Status::ok();
  return {Code::kTampered, "it is another shard than the keyring names"};
}

}  // namespace

Result<SealedShard> ShardCodec::seal(ShardEntry& shard, const Id& coffer_id) {
  const std::vector<Domain>& domains = shard.contents->domains();
  const size_t size = kShardFixedSize + KeyringBody::size(domains);
  if (size > kShardSizeMax || domains.size() > UINT16_MAX) {
    return {Code::kLimitExceeded, "a shard of the keyring, with " + std::to_string(domains.size()) +
                                      " domains, is larger than the 16 MiB it may have"};
  }
  COFFER_ASSIGN(const Key<ShardRole> key, random_key<ShardRole>(kShardKeySize));
  COFFER_ASSIGN(const StreamKey stream_key, shard_stream_key(key, shard, coffer_id));
  COFFER_ASSIGN(StreamSealer sealer, StreamSealer::create(Suite::kAes256Gcm, stream_key));
  SecretBytes body(size - kShardHeaderSize - kTagSize - kShardChecksumSize);
  Writer body_writer(body.reveal_mutable());
  COFFER_TRY(KeyringBody::encode(domains, body_writer));

  SealedShard out;
  out.bytes.resize(size);
  Writer writer(out.bytes);
  writer.bytes(as_bytes(kShardMagic));
  writer.u16(kShardFormatVersion);
  writer.id(coffer_id);
  if (!body_writer.ok() || body_writer.written() != body.size() || writer.written() != kShardHeaderSize) {
    return {Code::kInternal, "a shard of the keyring did not fit its own size"};
  }
  const MutableBytes all(out.bytes);
  COFFER_TRY(sealer.seal(0, all.first(kShardHeaderSize), body.reveal(), out.bytes.data() + kShardHeaderSize));
  store_le32(all.data() + size - kShardChecksumSize, crc32c(all.first(size - kShardChecksumSize)));
  COFFER_ASSIGN(out.name, sha256(out.bytes));
  COFFER_ASSIGN(shard.key, RestingKey<ShardRole>::seal(key));
  shard.size = static_cast<uint32_t>(size);
  shard.name = out.name;
  return out;
}

Result<std::vector<SealedShard>> ShardCodec::seal_changed(Keyring& keyring) {
  std::vector<SealedShard> out;
  if (keyring.shards_.size() == 1) return out;
  for (ShardEntry& shard : keyring.shards_) {
    if (!shard.key.empty()) continue;
    COFFER_ASSIGN(SealedShard sealed, seal(shard, keyring.coffer_id_));
    out.push_back(std::move(sealed));
  }
  return out;
}

Result<std::shared_ptr<const Shard>> ShardCodec::open(ByteView sealed, const ShardEntry& shard, const Keyring& of) {
  COFFER_TRY(check_sealed(sealed, shard, of.coffer_id()));
  COFFER_ASSIGN(const Key<ShardRole> key, shard.key.open());
  COFFER_ASSIGN(const StreamKey stream_key, shard_stream_key(key, shard, of.coffer_id()));
  COFFER_ASSIGN(const StreamOpener opener, StreamOpener::create(Suite::kAes256Gcm, stream_key));
  const ByteView header = sealed.first(kShardHeaderSize);
  const ByteView sealed_body = sealed.subspan(kShardHeaderSize).first(sealed.size() - kShardHeaderSize - 4);
  SecretBytes body(sealed_body.size() - kTagSize);
  if (!opener.open(0, header, sealed_body, body.reveal_mutable().data())) {
    return {Code::kTampered, "the shard of the keyring does not authenticate: its key is that of another one"};
  }
  Reader reader(body.reveal());
  COFFER_ASSIGN(std::shared_ptr<const Shard> out, KeyringBody::decode(reader, shard));
  if (!reader.finished()) return {Code::kTampered, "the shard of the keyring must end with its last domain"};
  COFFER_TRY(of.check_domains(*out));
  return out;
}

}  // namespace coffer
