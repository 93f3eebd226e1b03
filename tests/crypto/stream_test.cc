#include "coffer/crypto/stream.h"

#include <gtest/gtest.h>

#include "coffer/crypto/ctr.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/key_wrap.h"
#include "coffer/crypto/random.h"

namespace coffer {
namespace {

constexpr Suite kAeads[] = {Suite::kAes128Gcm, Suite::kAes192Gcm, Suite::kAes256Gcm, Suite::kChaCha20Poly1305};

class Stream : public testing::TestWithParam<Suite> {
 protected:
  StreamKey key_ = random_key<StreamRole>(stream_key_size(GetParam())).value();
  StreamSealer sealer_ = StreamSealer::create(GetParam(), key_).value();
  StreamOpener opener_ = StreamOpener::create(GetParam(), key_).value();
};

INSTANTIATE_TEST_SUITE_P(EverySuite, Stream, testing::ValuesIn(kAeads));

TEST_P(Stream, WhatIsSealedOpensAndNothingElseDoes) {
  uint64_t index = 0;
  for (size_t size : {0u, 1u, 15u, 16u, 17u, 4096u}) {
    for (size_t associated_size : {0u, 1u, 16u, 33u}) {
      Bytes plaintext(size), associated(associated_size);
      ASSERT_TRUE(random_bytes(plaintext));
      ASSERT_TRUE(random_bytes(associated));
      Bytes sealed(plaintext);
      sealed.resize(size + kTagSize);
      ASSERT_TRUE(sealer_.seal(index, associated, {sealed.data(), size}, sealed.data()));
      Bytes opened(size, 0xee);
      EXPECT_TRUE(opener_.open(index, associated, sealed, opened.data()));
      EXPECT_EQ(opened, plaintext);
      EXPECT_FALSE(opener_.open(index + 1, associated, sealed, opened.data()));
      EXPECT_EQ(opened, Bytes(size));
      sealed.back() ^= 1;
      EXPECT_FALSE(opener_.open(index, associated, sealed, opened.data()));
      sealed.back() ^= 1;
      EXPECT_TRUE(opener_.open(index, associated, sealed, sealed.data()));
      index += 3;
    }
  }
}

TEST_P(Stream, SealerRefusesAnIndexThatMayBeSpent) {
  uint8_t out[kTagSize];
  EXPECT_TRUE(sealer_.seal(5, {}, {}, out));
  EXPECT_EQ(sealer_.seal(5, {}, {}, out).code(), Code::kInternal);
  EXPECT_EQ(sealer_.seal(4, {}, {}, out).code(), Code::kInternal);
  EXPECT_TRUE(sealer_.seal(6, {}, {}, out));
  EXPECT_TRUE(sealer_.seal(uint64_t{1} << 40, {}, {}, out));
  EXPECT_EQ(sealer_.seal((uint64_t{1} << 40) + 1, {}, {}, out).code(), Code::kLimitExceeded);
}

TEST(KeyWrap, WhatIsWrappedUnwraps) {
  WrapKey wrap_key = random_key<WrapRole>(32).value();
  for (size_t size : {1u, 7u, 8u, 9u, 16u, 32u, 4096u}) {
    SecretBytes key = random_secret(size).value();
    Bytes wrapped = kwp_wrap(wrap_key, key.reveal()).value();
    EXPECT_EQ(wrapped.size(), wrapped_size(size));
    EXPECT_TRUE(std::ranges::equal(kwp_unwrap(wrap_key, wrapped)->reveal(), key.reveal()));
    wrapped[3] ^= 1;
    EXPECT_EQ(kwp_unwrap(wrap_key, wrapped).code(), Code::kWrongKey);
  }
}

TEST(Ctr, AnyPieceOfTheStreamIsTheSame) {
  CtrKey key = random_key<CtrRole>(ctr_key_size(Suite::kAes256Ctr)).value();
  CtrStream stream = CtrStream::create(Suite::kAes256Ctr, key).value();
  Bytes whole(300);
  stream.apply(1000, whole, whole.data());
  for (size_t from = 0; from < 40; ++from) {
    for (size_t size : {0u, 1u, 15u, 16u, 17u, 200u}) {
      Bytes piece(size);
      stream.apply(1000 + from, piece, piece.data());
      EXPECT_TRUE(std::equal(piece.begin(), piece.end(), whole.begin() + static_cast<ptrdiff_t>(from)));
    }
  }
}

TEST(Gmac, PiecesGiveTheSameTagAsTheWhole) {
  auto key = random_key<Gmac::Role>(Gmac::kKeySize).value();
  Bytes data(1000, 7);
  Gmac whole = Gmac::create(key).value();
  whole.update(data);
  Gmac pieces = Gmac::create(key).value();
  for (size_t at = 0, size = 0; at < data.size(); at += size, size = (size + 7) % 50) {
    size = std::min(size, data.size() - at);
    pieces.update(ByteView(data).subspan(at, size));
  }
  EXPECT_EQ(whole.finish(), pieces.finish());
}

TEST(Hkdf, MatchesRfc5869TestCase1) {
  Bytes out(42);
  ASSERT_TRUE(hkdf_sha256(Bytes(22, 0x0b), from_hex("000102030405060708090a0b0c").value(),
                          from_hex("f0f1f2f3f4f5f6f7f8f9").value(), out));
  EXPECT_EQ(to_hex(out), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

}  // namespace
}  // namespace coffer
