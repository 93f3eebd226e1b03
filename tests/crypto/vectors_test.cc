// Published vectors, against every backend that this machine offers.
#include "support/vectors.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "coffer/crypto/aead.h"
#include "coffer/crypto/counter_mode.h"
#include "coffer/crypto/ctr.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/key_wrap_any.h"
#include "coffer/crypto/signature.h"
#include "coffer/crypto/stream.h"
#include "coffer/crypto/xaes.h"
#include "crypto/backends.h"

namespace coffer {
namespace {

void check_aead(Suite suite, VectorRecord& record) {
  Bytes key = record.hex("key"), plaintext = record.hex("plaintext"), associated = record.hex("associated");
  Bytes expected = record.hex("ciphertext"), tag = record.hex("tag"), nonce_bytes = record.hex("nonce");
  SCOPED_TRACE(record.text("case"));
  expected.insert(expected.end(), tag.begin(), tag.end());
  std::array<uint8_t, kNonceSize> base{};
  ASSERT_EQ(nonce_bytes.size(), base.size());
  std::ranges::copy(nonce_bytes, base.begin());
  for (const CryptoBackend* backend : usable_backends()) {
    auto aead = AeadKey::create(suite, key, *backend);
    ASSERT_TRUE(aead) << aead.status().to_string();
    Bytes sealed(plaintext.size() + kTagSize);
    ASSERT_TRUE((*aead)->seal(Nonce(base, 0), associated, plaintext, sealed.data()));
    EXPECT_EQ(to_hex(sealed), to_hex(expected)) << backend->name;
    Bytes opened(plaintext.size());
    EXPECT_TRUE((*aead)->open(Nonce(base, 0), associated, expected, opened.data()));
    EXPECT_EQ(to_hex(opened), to_hex(plaintext));
  }
}

TEST(Vectors, Gcm) {
  for_each_vector("gcm.txt", [](VectorRecord& record) {
    switch (record.hex("key").size()) {
      case 16: return check_aead(Suite::kAes128Gcm, record);
      case 24: return check_aead(Suite::kAes192Gcm, record);
      default: return check_aead(Suite::kAes256Gcm, record);
    }
  });
}

TEST(Vectors, ChaCha20Poly1305) {
  for_each_vector("chacha20_poly1305.txt", [](VectorRecord& record) { check_aead(Suite::kChaCha20Poly1305, record); });
}

TEST(Vectors, Xaes256Gcm) {
  for_each_vector("xaes_256_gcm.txt", [](VectorRecord& record) {
    SCOPED_TRACE(record.text("case"));
    const Bytes key = record.hex("key"), associated = record.hex("associated"), plaintext = record.hex("plaintext");
    const Bytes ciphertext = record.hex("ciphertext");
    XaesSeal seal;
    std::ranges::copy(record.hex("nonce"), seal.nonce.begin());
    std::ranges::copy(record.hex("tag"), seal.tag.begin());
    for (const CryptoBackend* backend : usable_backends()) {
      const XaesGcm xaes = XaesGcm::create(key, *backend).value();
      Bytes opened(ciphertext.size());
      EXPECT_TRUE(XaesOpening(xaes).open(associated, ciphertext, seal, opened.data())) << backend->name;
      EXPECT_EQ(to_hex(opened), to_hex(plaintext)) << backend->name;
    }
  });
}

TEST(Vectors, CounterMode) {
  for_each_vector("ctr.txt", [](VectorRecord& record) {
    SCOPED_TRACE(record.text("case"));
    Bytes key = record.hex("key"), counter = record.hex("counter");
    Suite suite = key.size() == 16 ? Suite::kAes128Ctr : key.size() == 24 ? Suite::kAes192Ctr : Suite::kAes256Ctr;
    uint64_t block = 0;
    for (size_t i = kNonceSize; i < counter.size(); ++i) block = block << 8 | counter[i];
    key.insert(key.end(), counter.begin(), counter.begin() + kNonceSize);
    Bytes plaintext = record.hex("plaintext"), expected = record.hex("ciphertext");
    for (const CryptoBackend* backend : usable_backends()) {
      auto mode = CounterMode::create(suite, key, *backend);
      ASSERT_TRUE(mode) << mode.status().to_string();
      Bytes out(plaintext.size());
      (*mode)->apply(block * 16, plaintext, out.data());
      EXPECT_EQ(to_hex(out), to_hex(expected)) << backend->name;
    }
  });
}

TEST(Vectors, KeyWrapWithPadding) {
  for_each_vector("kwp.txt", [](VectorRecord& record) {
    SCOPED_TRACE(record.text("case"));
    Bytes wrap_key = record.hex("wrap_key"), key = record.hex("key"), wrapped = record.hex("wrapped");
    auto unwrapped = kwp_unwrap_any(wrap_key, wrapped);
    if (record.text("result") == "invalid") {
      ASSERT_FALSE(unwrapped);
      EXPECT_EQ(unwrapped.code(), wrapped.size() < 16 ? Code::kDamaged : Code::kWrongKey);
      return;
    }
    ASSERT_TRUE(unwrapped) << unwrapped.status().to_string();
    EXPECT_EQ(to_hex(unwrapped->reveal()), to_hex(key));
    EXPECT_EQ(to_hex(kwp_wrap_any(wrap_key, key).value()), to_hex(wrapped));
  });
}

TEST(Vectors, Hkdf) {
  for_each_vector("hkdf.txt", [](VectorRecord& record) {
    SCOPED_TRACE(record.text("case"));
    Bytes expected = record.hex("output"), info = record.hex("info");
    Bytes out(expected.size());
    ASSERT_TRUE(hkdf_sha256(record.hex("input_key"), record.hex("salt"), info, out));
    EXPECT_EQ(to_hex(out), to_hex(expected));
    Bytes expanded(expected.size());
    ASSERT_TRUE(hkdf_expand_sha256(record.hex("prk"), info, expanded));
    EXPECT_EQ(to_hex(expanded), to_hex(expected));
  });
}

TEST(Vectors, HmacSha256) {
  for_each_vector("hmac_sha256.txt", [](VectorRecord& record) {
    SCOPED_TRACE(record.text("case"));
    Bytes expected = record.hex("mac");
    Sha256 mac = hmac_sha256(record.hex("key"), record.hex("data")).value();
    EXPECT_EQ(to_hex(ByteView(mac).first(expected.size())), to_hex(expected));
  });
}

// C2SP chunked encryption, composed of this layer's parts as src/coffer/format/ does: what opens, and up to which
// error.
class ChunkedMessage {
 public:
  static constexpr size_t kSaltSize = 24, kCommitmentSize = 32, kChunkSize = 16384;

  ChunkedMessage(const std::string& aead, const Bytes& key, const Bytes& context, ByteView sealed) {
    suite_ = aead == "AEAD_AES_128_GCM" ? Suite::kAes128Gcm : Suite::kAes256Gcm;
    if (key.size() != suite_info(suite_).key_size || sealed.size() < kSaltSize + kCommitmentSize) return;
    Bytes info(as_bytes("c2sp.org/chunked-encryption@v1+").begin(), as_bytes("c2sp.org/chunked-encryption@v1+").end());
    info.insert(info.end(), aead.begin(), aead.end());
    info.push_back(0);
    info.insert(info.end(), sealed.begin(), sealed.begin() + kSaltSize);
    info.insert(info.end(), context.begin(), context.end());
    size_t stream_size = stream_key_size(suite_);
    derived_.resize(stream_size + kCommitmentSize);
    EXPECT_TRUE(hkdf_expand_sha512(key, info, derived_));
    header_good_ =
        equal_constant_time(ByteView(derived_).subspan(stream_size), sealed.subspan(kSaltSize, kCommitmentSize));
    if (header_good_) open_chunks(sealed.subspan(kSaltSize + kCommitmentSize));
  }

  bool header_good() const { return header_good_; }
  bool valid() const { return valid_; }
  const Bytes& message() const { return message_; }
  ByteView aead_key() const { return ByteView(derived_).first(suite_info(suite_).key_size); }
  ByteView base_nonce() const { return ByteView(derived_).subspan(suite_info(suite_).key_size, kNonceSize); }
  StreamKey stream_key() const { return StreamKey::copy_of(ByteView(derived_).first(stream_key_size(suite_))); }
  Suite suite() const { return suite_; }

 private:
  void open_chunks(ByteView chunks) {
    StreamOpener opener = StreamOpener::create(suite_, stream_key()).value();
    for (uint64_t index = 0;; ++index) {
      ByteView chunk = chunks.first(std::min(chunks.size(), kChunkSize + kTagSize));
      if (chunk.size() < kTagSize) return;
      Bytes opened(chunk.size() - kTagSize);
      if (!opener.open(index, {}, chunk, opened.data())) return;
      message_.insert(message_.end(), opened.begin(), opened.end());
      chunks = chunks.subspan(chunk.size());
      if (opened.size() < kChunkSize) {
        valid_ = chunks.empty();
        return;
      }
    }
  }

  Suite suite_;
  Bytes derived_;
  Bytes message_;
  bool header_good_ = false;
  bool valid_ = false;
};

void expect_message(VectorRecord& record, const Bytes& message) {
  Bytes hash(64);
  ASSERT_EQ(EVP_Digest(message.data(), message.size(), hash.data(), nullptr, EVP_sha512(), nullptr), 1);
  EXPECT_EQ(message.size(), record.number("message_size"));
  EXPECT_EQ(to_hex(hash), to_hex(record.hex("message_sha512")));
}

void expect_resealing_gives(const ChunkedMessage& opened, ByteView chunks) {
  StreamSealer sealer = StreamSealer::create(opened.suite(), opened.stream_key()).value();
  Bytes sealed;
  ByteView rest = opened.message();
  for (uint64_t index = 0;; ++index) {
    size_t size = std::min(rest.size(), ChunkedMessage::kChunkSize);
    size_t at = sealed.size();
    sealed.resize(at + size + kTagSize);
    ASSERT_TRUE(sealer.seal(index, {}, rest.first(size), sealed.data() + at));
    rest = rest.subspan(size);
    if (size < ChunkedMessage::kChunkSize) break;
  }
  EXPECT_TRUE(std::ranges::equal(sealed, chunks));
}

TEST(Vectors, C2spChunkedEncryption) {
  for_each_vector("c2sp_chunked_encryption.txt", [](VectorRecord& record) {
    SCOPED_TRACE(record.text("id") + ": " + record.text("comment"));
    Bytes sealed = record.hex("ciphertext");
    ChunkedMessage opened(record.text("aead"), record.hex("key"), record.hex("context"), sealed);
    std::string flags = record.text("flags");
    EXPECT_EQ(opened.header_good(), flags.find("HeaderFailure") == std::string::npos);
    EXPECT_EQ(opened.valid(), record.text("result") == "valid");
    if (record.has("aead_key")) {
      EXPECT_EQ(to_hex(opened.aead_key()), to_hex(record.hex("aead_key")));
      EXPECT_EQ(to_hex(opened.base_nonce()), to_hex(record.hex("base_nonce")));
    }
    if (record.has("message_size")) {
      expect_message(record, opened.message());
    } else {
      EXPECT_TRUE(opened.message().empty());
    }
    if (opened.valid()) expect_resealing_gives(opened, ByteView(sealed).subspan(56));
  });
}

// RFC 8032, section 7.1, test 1.
TEST(Vectors, Ed25519) {
  const Bytes seed = from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").value();
  auto made = sign(seed, {});
  ASSERT_TRUE(made.is_ok()) << made.status().to_string();
  EXPECT_EQ(to_hex(made->public_key), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_EQ(to_hex(made->signature),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b");
  EXPECT_TRUE(check_signature(*made, {}).is_ok());
  EXPECT_EQ(check_signature(*made, seed).code(), Code::kTampered);
  made->signature[5] ^= 1;
  EXPECT_EQ(check_signature(*made, {}).code(), Code::kTampered);
}

}  // namespace
}  // namespace coffer
