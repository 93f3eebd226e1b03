// Passwords, budgets, and the encryption that Coffer writes; what Java writes is read in keystore_test.cc.
#include "coffer/providers/keystore/protection.h"

#include <gtest/gtest.h>

#include "coffer/crypto/random.h"
#include "coffer/providers/keystore/oids.h"
#include "providers/keystore/keytool.h"

namespace coffer::keystore {
namespace {

using testing_keystores::password;

std::string utf16_hex(const std::string& text, size_t zeros = 0) {
  auto out = password(text).utf16(zeros);
  return out.is_ok() ? to_hex(out->reveal()) : std::string(code_name(out.code()));
}

TEST(Password, BecomesBigEndianUtf16) {
  EXPECT_EQ(utf16_hex(""), "");
  EXPECT_EQ(utf16_hex("", 2), "0000");
  EXPECT_EQ(utf16_hex("aB", 2), "006100420000");
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

TEST(EncryptedKey, OpensWithItsPasswordOnly) {
  const SecretBytes info = random_secret(80).value();
  const Bytes sealed = seal_encrypted_key(info, password("right")).value();
  WorkBudget budget;
  auto opened = open_encrypted_key(sealed, password("right"), budget);
  ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
  EXPECT_TRUE(std::ranges::equal(opened->reveal(), info.reveal()));
  auto wrong = open_encrypted_key(sealed, password("wrong"), budget);
  // One of 256 wrong keys gives bytes that end like padding.
  EXPECT_TRUE(!wrong.is_ok() || !std::ranges::equal(wrong->reveal(), info.reveal()));
}

TEST(EncryptedKey, CutAnywhereIsAnError) {
  const Bytes sealed = seal_encrypted_key(random_secret(40).value(), password("x")).value();
  for (size_t size = 0; size < sealed.size(); ++size) {
    WorkBudget budget;
    EXPECT_EQ(open_encrypted_key(ByteView(sealed).first(size), password("x"), budget).code(), Code::kInvalidArgument);
  }
}

TEST(EncryptedKey, ThatAsksForTooMuchWorkIsRefusedBeforeAnyIsDone) {
  const Bytes salt(8, 1);
  const Bytes parameters = der(Tag::kSequence, {der(Tag::kOctetString, salt), der_number(0x7fffffff)});
  for (const std::string_view oid : {oid::kPkcs12TripleDes, oid::kSunMd5TripleDes}) {
    const Bytes algorithm = der(Tag::kSequence, {der(Tag::kOid, as_bytes(oid)), parameters});
    const Bytes sealed = der(Tag::kSequence, {algorithm, der(Tag::kOctetString, Bytes(64))});
    WorkBudget budget;
    EXPECT_EQ(open_encrypted_key(sealed, password("x"), budget).code(), Code::kLimitExceeded);
  }
}

TEST(EncryptedKey, OfAnUnknownOrWeakSchemeSaysHowToGoOn) {
  const Bytes algorithm = der(Tag::kSequence, {der(Tag::kOid, as_bytes("\x2a\x03")), der(Tag::kNull, ByteView())});
  const Bytes sealed = der(Tag::kSequence, {algorithm, der(Tag::kOctetString, Bytes(64))});
  WorkBudget budget;
  const auto opened = open_encrypted_key(sealed, password("x"), budget);
  EXPECT_EQ(opened.code(), Code::kUnsupported);
  EXPECT_NE(opened.status().message().find("keytool"), std::string_view::npos);
}

}  // namespace
}  // namespace coffer::keystore
