// Whole files of every kind, made and read in memory: what the tests of the formats share.
#pragma once

#include <gtest/gtest.h>

#include "coffer/crypto/random.h"
#include "coffer/format/blocks.h"
#include "coffer/format/ctr.h"
#include "coffer/format/envelope.h"
#include "coffer/format/log.h"

namespace coffer {

inline constexpr Suite kAeadSuites[] = {Suite::kAes128Gcm, Suite::kAes192Gcm, Suite::kAes256Gcm,
                                        Suite::kChaCha20Poly1305};

struct KindAndSuite {
  Kind kind;
  Suite suite;
};

// Bytes that look random, the same for the same seed.
inline Bytes pattern(size_t size, uint64_t seed) {
  Bytes out(size);
  uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (uint8_t& byte : out) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    byte = static_cast<uint8_t>(state >> 32);
  }
  return out;
}

inline ByteView slice(const Bytes& bytes, size_t offset, size_t size) { return ByteView(bytes).subspan(offset, size); }

// The keys and identity of one file.
struct Sample {
  EnvelopeFields fields;
  DomainKey domain_key;
  FileKey file_key;

  explicit Sample(Kind kind = Kind::kBlocks, Suite suite = Suite::kAes256Gcm, int chunk_log2 = 10) {
    fields.suite = suite;
    fields.kind = kind;
    fields.chunk_log2 = kind == Kind::kBlocks || kind == Kind::kPages ? static_cast<uint8_t>(chunk_log2) : 0;
    fields.file_id = random_id().value();
    fields.store_id = random_id().value();
    fields.domain_key_id = random_id().value();
    fields.domain_key_version = 1;
    fields.keyring_version = 1;
    domain_key = random_key<DomainRole>(32).value();
    file_key = random_key<FileRole>(suite_info(suite).key_size).value();
  }

  BlocksParams blocks_params() const { return {fields.suite, fields.chunk_log2, fields.file_id}; }
  LogParams log_params() const { return {fields.suite, fields.file_id, fields.earlier_body}; }

  Bytes envelope() const {
    Bytes out(kEnvelopeSize);
    EXPECT_TRUE(seal_envelope(fields, domain_key, file_key, std::span<uint8_t, kEnvelopeSize>(out)));
    return out;
  }

  // A whole blocks file. Appends go in as `step` bytes at a time.
  Bytes blocks_file(ByteView plaintext, size_t step = SIZE_MAX) const {
    BlocksSealer sealer = BlocksSealer::create(file_key, blocks_params()).value();
    Buffer out;
    out.append(envelope());
    while (!plaintext.empty()) {
      size_t count = std::min(step, plaintext.size());
      EXPECT_TRUE(sealer.append(plaintext.first(count), out));
      plaintext = plaintext.subspan(count);
    }
    EXPECT_TRUE(sealer.finish(out));
    return Bytes(out.view().begin(), out.view().end());
  }
};

// The whole body of a blocks file, as a tool reads it: the end first, then everything.
inline Result<Bytes> read_blocks_body(const FileKey& file_key, const BlocksParams& params, const Bytes& file) {
  ByteView prefix = ByteView(file).subspan(std::min(file.size(), kEnvelopeSize));
  prefix = prefix.first(std::min(prefix.size(), kBlocksPrefixSize));
  COFFER_ASSIGN(BlocksOpener opener, BlocksOpener::create(file_key, params, prefix, file.size()));
  Bytes scratch = file;
  auto range = opener.end_range();
  COFFER_TRY(opener.verify_end(MutableBytes(scratch).subspan(range.offset, range.size)));
  scratch = file;
  Bytes out(opener.logical_size());
  range = opener.range(0, out.size());
  COFFER_TRY(opener.open(0, out.size(), MutableBytes(scratch).subspan(range.offset, range.size), out.data()));
  return out;
}

// The codes that say "these bytes are not what was written", whatever the reason.
inline bool is_integrity_error(Code code) {
  return code == Code::kDamaged || code == Code::kTampered || code == Code::kTruncated || code == Code::kWrongKey ||
         code == Code::kPlaintext || code == Code::kUnsupported || code == Code::kLimitExceeded;
}

}  // namespace coffer
