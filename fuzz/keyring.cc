// Keyrings: nothing that is read from a disk may crash, and a body that is accepted must come back the same.
#include <cstdlib>
#include <cstring>

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "coffer/keys/keyring_body.h"
#include "coffer/keys/keyring_shard_codec.h"

namespace {

using namespace coffer;

void require(bool holds) {
  if (!holds) std::abort();
}

const KeyringKey& key() {
  static const KeyringKey* instance = new KeyringKey(SecretBytes(kKeyringKeySize));
  return *instance;
}

// As it is, and with the checksum that lets it past the first gate.
void check_sealed(ByteView bytes) {
  auto header = KeyringCodec::read_header(bytes);
  require(header.is_ok() || KeyringCodec::open(bytes, key()).code() == header.code());
  if (bytes.size() < 4) return;
  Bytes valid(bytes.begin(), bytes.end());
  store_le32(valid.data() + valid.size() - 4, crc32c(bytes.first(bytes.size() - 4)));
  header = KeyringCodec::read_header(valid);
  require(header.code() != Code::kDamaged);
  require(header.code() != Code::kTruncated || valid.size() < 108);
  if (header.is_ok()) require(!header->slots.empty() && header->slots.size() <= kKeyringSlotCountMax);
  require(header.is_ok() || KeyringCodec::open(valid, key()).code() == header.code());
}

void check_body(ByteView bytes) {
  auto keyring = KeyringBody::decode(bytes);
  if (!keyring.is_ok()) {
    require(keyring.code() == Code::kTampered);
    return;
  }
  auto encoded = KeyringBody::encode(*keyring);
  require(encoded.is_ok() && encoded->size() == bytes.size());
  require(std::memcmp(encoded->reveal().data(), bytes.data(), bytes.size()) == 0);
  for (const Domain& domain : keyring->domains()) {
    for (const DomainKeyEntry& entry : domain.keys) require(keyring->find_key(entry.id).entry == &entry);
  }
}

const Keyring& some_keyring() {
  static const Keyring* instance = new Keyring(Keyring::create({{1}}, 1).value());
  return *instance;
}

// A shard as it is stored, named by what it is; and the domains in it, as they are once it is open.
void check_shard(ByteView bytes) {
  ShardEntry shard;
  shard.size = static_cast<uint32_t>(bytes.size());
  shard.name = sha256(bytes).value();
  shard.key = RestingKey<ShardRole>::seal(Key<ShardRole>(SecretBytes(kShardKeySize))).value();
  if (bytes.size() >= kShardFixedSize) require(!ShardCodec::open(bytes, shard, some_keyring()).is_ok());
  Reader reader(bytes);
  const auto domains = KeyringBody::decode(reader, ShardEntry());
  if (!domains.is_ok()) return require(domains.code() == Code::kTampered);
  const size_t size = bytes.size() - reader.remaining();
  Bytes encoded(size);
  Writer writer(encoded);
  require(KeyringBody::encode((*domains)->domains(), writer).is_ok() && writer.ok() && writer.written() == size);
  require(std::memcmp(encoded.data(), bytes.data(), size) == 0);
  for (const Domain& domain : (*domains)->domains()) {
    require((*domains)->find(tag_of_id(domain.keys[0].id), domain.name) == &domain);
    for (const DomainKeyEntry& entry : domain.keys) require((*domains)->find_key(entry.id).entry == &entry);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView rest(data + 1, size - 1);
  if (data[0] % 3 == 0) {
    check_sealed(rest);
  } else if (data[0] % 3 == 1) {
    check_body(rest);
  } else {
    check_shard(rest);
  }
  return 0;
}
