// Keyrings: nothing that is read from a disk may crash, and a body that is accepted must come back the same.
#include <cstdlib>
#include <cstring>

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "coffer/keys/keyring_body.h"

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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView rest(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    check_sealed(rest);
  } else {
    check_body(rest);
  }
  return 0;
}
