// At 16 KiB a blocks body is C2SP chunked encryption to the byte: the published vectors, through the code that reads
// and writes files.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "coffer/format/key_schedule.h"
#include "format/known_salt.h"
#include "format/sample.h"
#include "support/vectors.h"

namespace coffer {
namespace {

constexpr int kChunkLog2 = 14;
constexpr size_t kChunkSize = 16384;

// One vector, as it would stand behind an envelope.
class Message {
 public:
  explicit Message(VectorRecord& record)
      : suite_(record.text("aead") == "AEAD_AES_128_GCM" ? Suite::kAes128Gcm : Suite::kAes256Gcm),
        key_(FileKey::copy_of(record.hex("key"))),
        context_(record.hex("context")),
        sealed_(record.hex("ciphertext")) {}

  // What may be read before the error, chunk by chunk; all of the message if there is none.
  Bytes readable() {
    Result<BlocksOpener> opener = open();
    if (!opener.is_ok()) return {};
    Bytes out;
    while (out.size() < opener->logical_size()) {
      uint64_t count = std::min<uint64_t>(kChunkSize, opener->logical_size() - out.size());
      auto range = opener->range(out.size(), count);
      Bytes scratch(sealed_.begin() + static_cast<ptrdiff_t>(range.offset - kEnvelopeSize),
                    sealed_.begin() + static_cast<ptrdiff_t>(range.offset - kEnvelopeSize + range.size));
      Bytes chunk(count);
      if (!opener->open(out.size(), count, scratch, chunk.data())) break;
      out.insert(out.end(), chunk.begin(), chunk.end());
    }
    return out;
  }

  Result<BlocksOpener> open() {
    ByteView prefix = ByteView(sealed_).first(std::min(sealed_.size(), kBlocksPrefixSize));
    return KnownSalt::blocks_opener(key_, suite_, kChunkLog2, context_, prefix, kEnvelopeSize + sealed_.size());
  }

  Status verify_end() {
    Result<BlocksOpener> opener = open();
    if (!opener.is_ok()) return opener.status();
    auto range = opener->end_range();
    Bytes scratch = sealed_;
    return opener->verify_end(MutableBytes(scratch).subspan(range.offset - kEnvelopeSize, range.size));
  }

  Bytes reseal(const Bytes& plaintext) {
    BlocksSealer sealer =
        KnownSalt::blocks_sealer(key_, suite_, kChunkLog2, context_, ByteView(sealed_).first(24)).value();
    Buffer out;
    EXPECT_TRUE(sealer.append(plaintext, out));
    EXPECT_TRUE(sealer.finish(out));
    return Bytes(out.view().begin(), out.view().end());
  }

  void expect_schedule(VectorRecord& record) {
    StreamSchedule schedule = blocks_schedule(key_, suite_, ByteView(sealed_).first(24), context_).value();
    EXPECT_EQ(to_hex(schedule.key.reveal()), to_hex(record.hex("aead_key")) + to_hex(record.hex("base_nonce")));
  }

  const Bytes& sealed() const { return sealed_; }

 private:
  Suite suite_;
  FileKey key_;
  Bytes context_;
  Bytes sealed_;
};

std::string sha512(const Bytes& bytes) {
  Bytes hash(64);
  EXPECT_EQ(EVP_Digest(bytes.data(), bytes.size(), hash.data(), nullptr, EVP_sha512(), nullptr), 1);
  return to_hex(hash);
}

TEST(BlocksVectors, AreOpenedSealedAndRefusedAsC2spSays) {
  for_each_vector("c2sp_chunked_encryption.txt", [](VectorRecord& record) {
    SCOPED_TRACE(record.text("id") + ": " + record.text("comment"));
    Message message(record);
    bool valid = record.text("result") == "valid";
    bool header_failure = record.text("flags").find("HeaderFailure") != std::string::npos;
    Result<BlocksOpener> opener = message.open();
    if (header_failure) {
      ASSERT_FALSE(opener.is_ok());
      return;
    }
    message.expect_schedule(record);
    Bytes plaintext = message.readable();
    if (!record.has("message_size")) {
      EXPECT_TRUE(plaintext.empty());
    } else if (valid || plaintext.size() == record.number("message_size")) {
      EXPECT_EQ(plaintext.size(), record.number("message_size"));
      EXPECT_EQ(sha512(plaintext), to_hex(record.hex("message_sha512")));
    } else {
      // Some of these have a size that no message has, so nothing of them is read at all.
      EXPECT_TRUE(plaintext.empty());
      EXPECT_EQ(opener.code(), Code::kTruncated);
      EXPECT_FALSE(record.text("message_sha512").empty());
    }
    // Either the end does not fit, or the vector says that it does and the error lies before it.
    bool end_fits = valid || record.text("flags").find("ValidFinalChunk") != std::string::npos;
    EXPECT_EQ(message.verify_end().is_ok(), end_fits);
    if (valid) {
      EXPECT_TRUE(message.reseal(plaintext) == message.sealed());
    }
  });
}

}  // namespace
}  // namespace coffer
