// Passwords, budgets, and hashing; what Java writes is read in keystore_test.cc.
#include "coffer/net/stores/protection.h"

#include <gtest/gtest.h>

#include "providers/keystore/keytool.h"

namespace coffer::keystore {
namespace {

using testing_keystores::password;

std::string utf16_hex(const std::string& text) {
  auto out = password(text).utf16();
  return out.is_ok() ? to_hex(out->reveal()) : std::string(code_name(out.code()));
}

TEST(Password, BecomesBigEndianUtf16) {
  EXPECT_EQ(utf16_hex(""), "");
  EXPECT_EQ(utf16_hex("aB"), "00610042");
  EXPECT_EQ(utf16_hex("\x7f"), "007f");
  EXPECT_EQ(utf16_hex("\xc2\x80\xdf\xbf"), "008007ff");
  EXPECT_EQ(utf16_hex("\xe0\xa0\x80\xef\xbf\xbf"), "0800ffff");
  EXPECT_EQ(utf16_hex("\xf0\x9f\x94\x91"), "d83ddd11");
}

TEST(Password, ThatIsNotUtf8IsRefused) {
  for (const std::string& text :
       std::vector<std::string>{"\x80", "\xc1\x81", "\xe4", "a\xe4", "\xe2\x82", "\xe0\x80\x80", "\xf5\x80\x80\x80",
                                "\xf4\x90\x80\x80", "\xf0\x80\x80\x80"}) {
    EXPECT_EQ(utf16_hex(text), "invalid_argument") << to_hex(as_bytes(text));
  }
}

TEST(WorkBudget, IsForAllOfAFile) {
  WorkBudget budget(100);
  EXPECT_TRUE(budget.spend(60).is_ok());
  EXPECT_EQ(budget.spend(41).code(), Code::kLimitExceeded);
  EXPECT_TRUE(budget.spend(40).is_ok());
  EXPECT_EQ(budget.spend(1).code(), Code::kLimitExceeded);
  EXPECT_EQ(budget.spend(0).code(), Code::kInvalidArgument);
}

// OpenSSL's words for what Java says: an algorithm with salt and rounds, and what it encrypted.
Bytes encrypted_key(std::string_view oid, uint8_t rounds_high_byte) {
  Bytes parameters{0x30, 0x10, 0x04, 0x08, 1, 2, 3, 4, 5, 6, 7, 8, 0x02, 0x04, rounds_high_byte, 0, 0, 1};
  Bytes algorithm{0x30, static_cast<uint8_t>(2 + oid.size() + parameters.size()), 0x06,
                  static_cast<uint8_t>(oid.size())};
  algorithm.insert(algorithm.end(), oid.begin(), oid.end());
  algorithm.insert(algorithm.end(), parameters.begin(), parameters.end());
  Bytes out{0x30, static_cast<uint8_t>(algorithm.size() + 18)};
  out.insert(out.end(), algorithm.begin(), algorithm.end());
  out.insert(out.end(), {0x04, 16});
  out.resize(out.size() + 16);
  return out;
}

constexpr std::string_view kMd5TripleDes = "\x2b\x06\x01\x04\x01\x2a\x02\x13\x01";

TEST(EncryptedKey, CutAnywhereIsAnError) {
  const Bytes sealed = encrypted_key(kMd5TripleDes, 0);
  for (size_t size = 0; size < sealed.size(); ++size) {
    WorkBudget budget;
    EXPECT_EQ(open_encrypted_key(ByteView(sealed).first(size), password("x"), budget).code(), Code::kInvalidArgument);
  }
}

TEST(EncryptedKey, ThatAsksForTooMuchWorkIsRefusedBeforeAnyIsDone) {
  WorkBudget budget;
  EXPECT_EQ(open_encrypted_key(encrypted_key(kMd5TripleDes, 0x7f), password("x"), budget).code(), Code::kLimitExceeded);
  EXPECT_EQ(open_encrypted_key(encrypted_key(kMd5TripleDes, 0x80), password("x"), budget).code(),
            Code::kInvalidArgument)
      << "a negative number";
}

TEST(EncryptedKey, OfAnUnknownSchemeSaysHowToGoOn) {
  WorkBudget budget;
  const auto opened = open_encrypted_key(encrypted_key("\x2a\x03", 0), password("x"), budget);
  EXPECT_EQ(opened.code(), Code::kUnsupported);
  EXPECT_NE(opened.status().message().find("keytool"), std::string_view::npos);
}

std::string hex(const Result<SecretBytes>& result) {
  return result.is_ok() ? to_hex(result->reveal()) : result.status().to_string();
}

TEST(PasswordBased, HashesHaveTheirKnownValues) {
  EXPECT_EQ(hex(keystore_hash(KeystoreHash::kMd5, {as_bytes("a"), as_bytes("bc")})),
            "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hex(keystore_hash(KeystoreHash::kSha1, {as_bytes("abc"), {}})), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

TEST(PasswordBased, AChainIsHashUponHash) {
  const auto once = keystore_hash(KeystoreHash::kMd5, {as_bytes("start"), as_bytes("password")});
  EXPECT_EQ(hex(keystore_hash_chain(KeystoreHash::kMd5, as_bytes("start"), as_bytes("password"), 1)), hex(once));
  EXPECT_EQ(hex(keystore_hash_chain(KeystoreHash::kMd5, as_bytes("start"), as_bytes("password"), 2)),
            hex(keystore_hash(KeystoreHash::kMd5, {once->reveal(), as_bytes("password")})));
}

TEST(PasswordBased, WhatIsNoWholeBlocksOrHasNoPaddingIsRefused) {
  const Bytes key(24, 1), iv(8, 2);
  for (size_t size : {0u, 1u, 7u, 9u}) {
    EXPECT_EQ(triple_des_decrypt(key, iv, Bytes(size)).code(), Code::kDamaged) << size;
  }
  EXPECT_EQ(triple_des_decrypt(key, iv, Bytes(16)).code(), Code::kWrongKey);
}

}  // namespace
}  // namespace coffer::keystore
