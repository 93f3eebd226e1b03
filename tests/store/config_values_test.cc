// Values of a program's own configuration, sealed under the coffer it uses.
#include "coffer/ops/config_values.h"

#include "coffer_fixture.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

class ConfigValuesTest : public CofferFixture {
 protected:
  static SecretBytes secret(std::string_view text) { return SecretBytes::copy_of(as_bytes(text)); }
  std::string sealed(std::string_view name, std::string_view value) const {
    auto out = seal_config_value(*coffer_, name, secret(value));
    EXPECT_TRUE(out.is_ok()) << status_text(out);
    return out.is_ok() ? *out : "";
  }
  Result<std::string> opened(std::string_view name, std::string_view text) const {
    COFFER_ASSIGN(const SecretBytes out, open_config_value(*coffer_, name, text));
    return std::string(as_text(out.reveal()));
  }
  Result<std::string> text(std::string_view whole, const std::set<std::string>& must_be_sealed = {}) const {
    return open_config_text(*coffer_, whole, must_be_sealed);
  }
};

TEST_F(ConfigValuesTest, AValueOpensUnderItsNameWhateverIsRotatedAndNowhereElse) {
  const std::string value = sealed("keystore_password", "swordfish");
  EXPECT_THAT(value, ::testing::StartsWith("ENC[keystore_password:v1:"));
  EXPECT_NE(value, sealed("keystore_password", "swordfish"));
  ASSERT_OK(coffer_->live_keyring().rotate_root("", ""));
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain("system", 5); }));
  coffer_ = open_coffer();
  EXPECT_EQ(*opened("keystore_password", value), "swordfish");
  EXPECT_EQ(opened("truststore_password", value).code(), Code::kInvalidArgument);
  std::string renamed = value;
  renamed.replace(4, 17, "truststore_passwd");
  EXPECT_EQ(opened("truststore_passwd", renamed).code(), Code::kWrongKey);
  ASSERT_OK(coffer_->clone_to(root_ + "/clone", open_provider));
  const auto clone = Coffer::open(disk(), root_ + "/clone", {}, open_provider);
  ASSERT_OK(clone);
  EXPECT_EQ(open_config_value(**clone, "keystore_password", value).code(), Code::kWrongKey);
}

TEST_F(ConfigValuesTest, WhatWasAlteredOrIsNoneIsRefused) {
  const std::string value = sealed("p", "swordfish");
  for (size_t at = 0; at < value.size(); ++at) {
    std::string altered = value;
    altered[at] = static_cast<char>(altered[at] ^ 1);
    EXPECT_FALSE(opened("p", altered).is_ok()) << at;
    EXPECT_FALSE(opened("p", value.substr(0, at)).is_ok()) << at;
  }
  EXPECT_FALSE(opened("p", value + "x").is_ok());
  for (const char* name : {"", "a b", "a:b", "a]", "a\nb"}) {
    EXPECT_EQ(seal_config_value(*coffer_, name, secret("x")).code(), Code::kInvalidArgument) << name;
  }
  EXPECT_EQ(seal_config_value(*coffer_, std::string(65, 'a'), secret("x")).code(), Code::kInvalidArgument);
  EXPECT_EQ(seal_config_value(*coffer_, "a", SecretBytes(4097)).code(), Code::kLimitExceeded);
}

TEST_F(ConfigValuesTest, AWholeFileIsOpenedWhateverItsForm) {
  const std::string a = sealed("password", "one"), b = sealed("db.token", "two");
  const std::string form =
      "# ENC is not a value\npassword: {0}\n  - 'db.token' : \"{1}\"\n{ \"password\":\"{0}\", \"x\": 1 }"
      "\ndb.token={1}\n[section]\nlast = here";
  const auto filled = [&](const std::string& first, const std::string& second) {
    std::string out = form;
    for (const auto& [place, value] : {std::pair("{0}", first), std::pair("{1}", second)}) {
      for (size_t at; (at = out.find(place)) != std::string::npos;) out.replace(at, 3, value);
    }
    return out;
  };
  const auto opened = text(filled(a, b), {"password", "db.token", "not_there"});
  ASSERT_OK(opened);
  EXPECT_EQ(*opened, filled("one", "two"));
  EXPECT_EQ(*text(""), "");
  const auto moved = text("password: x\n\ntoken: " + a + "\n");
  EXPECT_EQ(moved.code(), Code::kInvalidArgument);
  EXPECT_THAT(status_text(moved), HasSubstr("line 3"));
  EXPECT_FALSE(text(a).is_ok());
  EXPECT_FALSE(text("password: ENC[").is_ok());
}

TEST_F(ConfigValuesTest, ValuesThatMustBeSealedAreRefusedInClear) {
  const std::string value = sealed("password", "one");
  for (const std::string& line :
       {std::string("password: swordfish"), std::string("password:"),
        std::string("{\"user\": \"x\", \"password\": \"swordfish\"}"), std::string("password = |"),
        std::string("password=ENC"), "{password: " + value + ", password: swordfish}"}) {
    const auto refused = text("user: x\n" + line + "\n", {"password"});
    EXPECT_EQ(refused.code(), Code::kPlaintext) << line;
    EXPECT_THAT(status_text(refused), HasSubstr("line 2"));
    EXPECT_EQ(status_text(refused).find("swordfish"), std::string::npos);
  }
  ASSERT_OK(text("password: " + value + "\n# password: swordfish\nold_password: x\npassword2: y\n", {"password"}));
}

}  // namespace
}  // namespace coffer
