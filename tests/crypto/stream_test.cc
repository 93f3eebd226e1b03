#include "coffer/crypto/stream.h"

#include <gtest/gtest.h>

#include "coffer/crypto/aead.h"
#include "coffer/crypto/random.h"
#include "support/allocations.h"

namespace coffer {
namespace {

constexpr Suite kAeads[] = {Suite::kAes128Gcm, Suite::kAes192Gcm, Suite::kAes256Gcm, Suite::kChaCha20Poly1305};
constexpr uint64_t kIndexMax = uint64_t{1} << 40;

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

TEST_P(Stream, LessThanATagDoesNotOpenAndNothingIsWritten) {
  Bytes sealed(kTagSize - 1);
  uint8_t untouched = 0xee;
  for (size_t size = 0; size < kTagSize; ++size) {
    EXPECT_FALSE(opener_.open(0, {}, ByteView(sealed).first(size), &untouched));
  }
  EXPECT_EQ(untouched, 0xee);
}

TEST_P(Stream, TheNonceIsTheBaseNonceXorTheIndexBigEndian) {
  ByteView key = key_.reveal().first(suite_info(GetParam()).key_size);
  auto aead = AeadKey::create(GetParam(), key).value();
  for (uint64_t index :
       {uint64_t{0}, uint64_t{1}, uint64_t{0xff}, uint64_t{0x100}, uint64_t{0x0102030405}, kIndexMax}) {
    std::array<uint8_t, kNonceSize> nonce;
    std::ranges::copy(key_.reveal().subspan(key.size()), nonce.begin());
    for (size_t i = 0; i < 8; ++i) nonce[11 - i] ^= static_cast<uint8_t>(index >> 8 * i);
    uint8_t sealed[kTagSize], expected[kTagSize];
    ASSERT_TRUE(sealer_.seal(index, {}, {}, sealed));
    ASSERT_TRUE(aead->seal(Nonce(nonce, 0), {}, {}, expected));
    EXPECT_EQ(to_hex(sealed), to_hex(expected)) << index;
  }
}

TEST_P(Stream, SealerRefusesAnIndexThatMayBeSpent) {
  uint8_t out[kTagSize];
  EXPECT_TRUE(sealer_.seal(5, {}, {}, out));
  EXPECT_EQ(sealer_.seal(5, {}, {}, out).code(), Code::kInternal);
  EXPECT_EQ(sealer_.seal(4, {}, {}, out).code(), Code::kInternal);
  EXPECT_EQ(sealer_.seal(0, {}, {}, out).code(), Code::kInternal);
  EXPECT_TRUE(sealer_.seal(6, {}, {}, out));
  StreamSealer moved = std::move(sealer_);
  EXPECT_EQ(moved.seal(6, {}, {}, out).code(), Code::kInternal);
  EXPECT_TRUE(moved.seal(kIndexMax, {}, {}, out));
  EXPECT_EQ(moved.seal(kIndexMax, {}, {}, out).code(), Code::kInternal);
  EXPECT_EQ(moved.seal(kIndexMax + 1, {}, {}, out).code(), Code::kLimitExceeded);
  EXPECT_EQ(moved.seal(UINT64_MAX, {}, {}, out).code(), Code::kLimitExceeded);
}

TEST_P(Stream, SealingAndOpeningAllocateNothing) {
  Bytes sealed(4096 + kTagSize);
  ByteView plaintext = ByteView(sealed).first(4096);
  ASSERT_TRUE(sealer_.seal(0, {}, plaintext, sealed.data()));
  AllocationCounter counter;
  for (uint64_t index = 1; index < 100; ++index) {
    bool sealed_well = sealer_.seal(index, {}, plaintext, sealed.data()).is_ok();
    bool opened = opener_.open(index, {}, sealed, sealed.data());
    ASSERT_TRUE(sealed_well && opened);
  }
  EXPECT_EQ(counter.count(), 0u);
}

TEST_P(Stream, AKeyOfAnotherSizeIsRefused) {
  size_t right = stream_key_size(GetParam());
  for (size_t size : {size_t{0}, right - 1, right + 1, right + 8}) {
    StreamKey key(SecretBytes{size});
    EXPECT_EQ(StreamSealer::create(GetParam(), key).code(), Code::kInvalidArgument) << size;
    EXPECT_EQ(StreamOpener::create(GetParam(), key).code(), Code::kInvalidArgument) << size;
  }
}

TEST(StreamSuites, CounterModeAndUnknownOnesAreRefused) {
  for (Suite suite : {Suite::kAes256Ctr, static_cast<Suite>(0), static_cast<Suite>(99)}) {
    StreamKey key(SecretBytes{44});
    EXPECT_EQ(StreamSealer::create(suite, key).code(), Code::kInvalidArgument);
    EXPECT_EQ(StreamOpener::create(suite, key).code(), Code::kInvalidArgument);
  }
}

TEST(Suites, AreFoundByNumberAndName) {
  size_t count = 0;
  for (unsigned number = 0; number < 256; ++number) {
    const SuiteInfo* info = find_suite(static_cast<uint8_t>(number));
    if (info == nullptr) continue;
    ++count;
    EXPECT_EQ(static_cast<unsigned>(info->suite), number);
    EXPECT_EQ(find_suite(info->name), info);
    EXPECT_EQ(&suite_info(info->suite), info);
    EXPECT_EQ(info->iana_name.empty(), info->mode != CipherMode::kAead);
  }
  EXPECT_EQ(count, 8u);
  EXPECT_EQ(find_suite("aes-256-cbc"), nullptr);
  EXPECT_EQ(find_suite(""), nullptr);
}

}  // namespace
}  // namespace coffer
