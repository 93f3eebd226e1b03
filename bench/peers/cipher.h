// The ciphers of the two peers that Coffer is measured against. They exist for measurement only: one fixed key, no key
// management, no authentication. Never keep data with them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "rocksdb/env_encryption.h"

namespace coffer_peers {

// An AES-256 key known to everybody, so that a database can be opened again by the next process.
inline constexpr std::array<unsigned char, 32> kBenchKey = {
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f};

// AES-256 by OpenSSL, one block a call on a context that each thread keeps: what RocksDB's own CTR provider asks for.
std::shared_ptr<rocksdb::BlockCipher> make_aes_block_cipher();

// AES-256-CTR by OpenSSL, whole buffers, with a cipher context set up and freed in every call, as TiKV's engine does.
// The file's initial counter stands in a prefix of 4096 bytes.
std::shared_ptr<rocksdb::EncryptionProvider> make_context_per_call_provider();

}  // namespace coffer_peers
