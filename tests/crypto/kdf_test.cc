#include "coffer/crypto/kdf.h"

#include <gtest/gtest.h>

#include "coffer/crypto/key_wrap.h"
#include "coffer/crypto/random.h"

namespace coffer {
namespace {

Bytes derived(ByteView prk, std::string_view label, ByteView context, size_t size) {
  SecretBytes secret = derive(prk, label, context, size).value();
  return {secret.reveal().begin(), secret.reveal().end()};
}

// docs/format.md, "Derivation", spelled out.
TEST(Derive, IsHkdfExpandOverPrefixLabelZeroAndContext) {
  Bytes prk(32, 1), context(17, 2);
  std::string info = "coffer/v1 file wrap";
  info.push_back('\0');
  info.append(as_text(context));
  Bytes expected(50);
  ASSERT_TRUE(hkdf_expand_sha256(prk, as_bytes(info), expected));
  EXPECT_EQ(derived(prk, "file wrap", context, 50), expected);
}

TEST(Derive, EveryInputMatters) {
  Bytes prk(32, 1), other_prk(32, 2), context(8, 3);
  Bytes key = derived(prk, "label", context, 32);
  EXPECT_NE(derived(other_prk, "label", context, 32), key);
  EXPECT_NE(derived(prk, "labels", context, 32), key);
  EXPECT_NE(derived(prk, "label", {}, 32), key);
  EXPECT_EQ(derived(prk, "label", context, 16), Bytes(key.begin(), key.begin() + 16));
}

TEST(Derive, LabelAndContextHaveALimit) {
  Bytes prk(32), context(250);
  EXPECT_TRUE(derive(prk, "sixsix", context, 32));
  EXPECT_EQ(derive(prk, "sevenxx", context, 32).code(), Code::kInvalidArgument);
  EXPECT_EQ(derive(prk, std::string(257, 'x'), {}, 32).code(), Code::kInvalidArgument);
}

TEST(Hkdf, GivesAtMost255Hashes) {
  Bytes prk(32), out(255 * 64 + 1);
  for (size_t size : {0u, 1u, 31u, 32u, 33u, 255u * 32}) {
    Bytes prefix(size), longest(255 * 32);
    ASSERT_TRUE(hkdf_expand_sha256(prk, {}, prefix)) << size;
    ASSERT_TRUE(hkdf_expand_sha256(prk, {}, longest));
    EXPECT_TRUE(std::equal(prefix.begin(), prefix.end(), longest.begin())) << size;
  }
  EXPECT_EQ(hkdf_expand_sha256(prk, {}, MutableBytes(out).first(255 * 32 + 1)).code(), Code::kInvalidArgument);
  EXPECT_TRUE(hkdf_expand_sha512(prk, {}, MutableBytes(out).first(255 * 64)));
  EXPECT_EQ(hkdf_expand_sha512(prk, {}, out).code(), Code::kInvalidArgument);
}

// FIPS 180-2, appendix B.1, and the hash of nothing.
TEST(Sha256, MatchesPublishedValues) {
  EXPECT_EQ(to_hex(*sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(*sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(ConstantTimeComparison, TellsSizesAndEveryByteApart) {
  EXPECT_TRUE(equal_constant_time({}, {}));
  Bytes a(33, 5);
  EXPECT_TRUE(equal_constant_time(a, Bytes(33, 5)));
  EXPECT_FALSE(equal_constant_time(a, Bytes(32, 5)));
  EXPECT_FALSE(equal_constant_time(a, {}));
  for (size_t i = 0; i < a.size(); ++i) {
    Bytes b(a);
    b[i] ^= 0x80;
    EXPECT_FALSE(equal_constant_time(a, b)) << i;
  }
}

TEST(Random, DoesNotRepeat) {
  EXPECT_NE(random_id().value(), random_id().value());
  Bytes large((1 << 20) + 1);
  ASSERT_TRUE(random_bytes(large));
  EXPECT_FALSE(std::all_of(large.end() - 16, large.end(), [](uint8_t byte) { return byte == 0; }));
  ASSERT_TRUE(random_bytes({}));
}

TEST(KeyWrap, WhatIsWrappedUnwrapsAndNothingElseDoes) {
  WrapKey wrap_key = random_key<WrapRole>(32).value(), other = random_key<WrapRole>(32).value();
  for (size_t size : {1u, 7u, 8u, 9u, 16u, 24u, 32u, 33u, 4096u}) {
    SecretBytes key = random_secret(size).value();
    Bytes wrapped = kwp_wrap(wrap_key, key.reveal()).value();
    ASSERT_EQ(wrapped.size(), wrapped_size(size));
    ASSERT_TRUE(std::ranges::equal(kwp_unwrap(wrap_key, wrapped)->reveal(), key.reveal()));
    EXPECT_EQ(kwp_unwrap(other, wrapped).code(), Code::kWrongKey);
    for (size_t bit = 0; bit < std::min<size_t>(wrapped.size(), 48) * 8; ++bit) {
      wrapped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      ASSERT_EQ(kwp_unwrap(wrap_key, wrapped).code(), Code::kWrongKey) << size << " bytes, bit " << bit;
      wrapped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
  }
}

TEST(KeyWrap, SizesAreLimited) {
  WrapKey wrap_key = random_key<WrapRole>(32).value();
  EXPECT_EQ(kwp_wrap(wrap_key, {}).code(), Code::kInvalidArgument);
  EXPECT_EQ(kwp_wrap(wrap_key, Bytes(4097)).code(), Code::kInvalidArgument);
  for (size_t size : {0u, 8u, 15u, 17u, 4104u + 8}) {
    EXPECT_EQ(kwp_unwrap(wrap_key, Bytes(size)).code(), Code::kDamaged) << size;
  }
  for (size_t size : {0u, 16u, 24u, 31u, 33u}) {
    WrapKey wrong(SecretBytes{size});
    EXPECT_EQ(kwp_wrap(wrong, Bytes(32)).code(), Code::kInvalidArgument) << size;
    EXPECT_EQ(kwp_unwrap(wrong, Bytes(40)).code(), Code::kInvalidArgument) << size;
  }
}

// Where a program keeps what is open in a static object, it is closed when the thread's own objects are gone already.
TEST(Kdf, ExitHandlersMayDerive) {
  EXPECT_EXIT(
      {
        // Each thread's objects go before what was registered with atexit(), whatever came first.
        std::atexit([] {
          for (int i = 0; i < 3; ++i) {
            if (!derive(Bytes(32, 1), "label", {}, 100).is_ok()) _exit(3);
          }
        });
        std::exit(derive(Bytes(32, 1), "label", {}, 100).is_ok() ? 0 : 4);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace coffer
