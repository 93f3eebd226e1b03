// "pkcs11:" URIs, RFC 7512.
#include "coffer/providers/pkcs11/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/providers/named.h"
#include "coffer/providers/registry.h"
#include "support/configured.h"

namespace coffer::pkcs11 {
namespace {

using testing::HasSubstr;
using testing::Not;

Result<Settings> parse(const std::string& text) {
  COFFER_ASSIGN(const ProviderUri uri, parse_provider_uri(text));
  return parse_settings(uri);
}

TEST(Pkcs11Uri, IsTakenApartAttributeByAttribute) {
  auto settings = parse(
      "pkcs11:token=My%20token%3b1;serial=00ab;manufacturer=A=B;model=X;object=k%2fe%25k;id=%00%01z%ff;type=secret-key"
      "?module-path=/usr/lib/m.so&pin-source=file:/etc/pin&mechanism=aes-gcm&timeout_millis=500");
  ASSERT_TRUE(settings.is_ok()) << settings.status().to_string();
  EXPECT_EQ(settings->token, "My token;1");
  EXPECT_EQ(settings->serial, "00ab");
  EXPECT_EQ(settings->manufacturer, "A=B");
  EXPECT_EQ(settings->model, "X");
  EXPECT_EQ(settings->object, "k/e%k");
  EXPECT_EQ(settings->id, (Bytes{0, 1, 'z', 0xff}));
  EXPECT_EQ(settings->module_path, "/usr/lib/m.so");
  EXPECT_EQ(settings->pin.file, "/etc/pin");
  EXPECT_EQ(settings->mechanism, Mechanism::kAesGcm);
  EXPECT_EQ(settings->timeout_millis, 500u);
  EXPECT_FALSE(settings->create);
}

TEST(Pkcs11Uri, WhatItIsFormattedToSaysTheSameLessCreation) {
  for (const char* text :
       {"pkcs11:token=a;object=b", "pkcs11:serial=1;id=%01", "pkcs11:token=a%3bb%20%25%2f%c3%a9;object=%3f%23%26=+",
        "pkcs11:token=a;id=%00%ff?pin_env=PIN&create=false",
        "pkcs11:token=a;object=b?pin-source=/etc/a%26b&timeout_millis=100",
        "pkcs11:token=a;object=b?pin_file=/p&mechanism=aes-key-wrap-pad&create=true&module-path=/m%20n.so"}) {
    auto settings = parse(text);
    ASSERT_TRUE(settings.is_ok()) << text << settings.status().to_string();
    const std::string formatted = settings->uri;
    auto again = parse(formatted);
    ASSERT_TRUE(again.is_ok()) << formatted << again.status().to_string();
    EXPECT_FALSE(again->create);
    EXPECT_EQ(again->uri, formatted);
    EXPECT_EQ(again->token, settings->token);
    EXPECT_EQ(again->object, settings->object);
    EXPECT_EQ(again->id, settings->id);
    EXPECT_EQ(again->pin, settings->pin);
    EXPECT_EQ(again->mechanism, settings->mechanism);
    EXPECT_EQ(again->module_path, settings->module_path);
  }
}

TEST(Pkcs11Uri, WhatIsWrongIsRefusedWithTheReason) {
  struct Case {
    std::string uri, says;
  };
  const Case cases[] = {
      {"pkcs11:", "which token"},
      {"pkcs11:token=a", "which key"},
      {"pkcs11:object=b", "which token"},
      {"pkcs11://token=a;object=b", "without \"//\""},
      {"pkcs11:token=a;object=b;token=c", "token is there twice"},
      {"pkcs11:token=;object=b", "token must have 1 to 32 bytes"},
      {"pkcs11:token=123456789012345678901234567890123;object=b", "1 to 32 bytes"},
      {"pkcs11:token=a%0ab;object=b", "control character"},
      {"pkcs11:token=a%4;object=b", "two hexadecimal digits"},
      {"pkcs11:token=a;id=%zz", "two hexadecimal digits"},
      {"pkcs11:token=a;id=", "1 to 255 bytes"},
      {"pkcs11:token=a;object=b;type=private", "type must be secret-key"},
      {"pkcs11:token=a;object=b;slot-id=4", "numbered anew"},
      {"pkcs11:token=a;object=b;colour=red", "unknown attribute \"colour\""},
      {"pkcs11:token=a;object", "name=value"},
      {"pkcs11:token=a;object=b/c", "named twice"},
      {"pkcs11:token=a/", "object must have 1 to 128 bytes"},
      {"pkcs11:token=a;object=b?pin-source=|cat", "programs are not run"},
      {"pkcs11:token=a;object=b?pin-source=https://x/pin", "expected file:/PATH"},
      {"pkcs11:token=a;object=b?pin-source=/a&pin_env=B", "exclude each other"},
      {"pkcs11:token=a;object=b?module-name=softhsm2", "module-path"},
      {"pkcs11:token=a;object=b?mechanism=rsa", "aes-key-wrap-pad"},
      {"pkcs11:token=a;object=b?timeout_millis=1", "from 100"},
      {"pkcs11:token=a;id=%01?create=true", "needs a label"},
      {"pkcs11:token=a;object=b?nosuch=1", "nosuch"},
  };
  for (const Case& c : cases) {
    auto settings = parse(c.uri);
    EXPECT_EQ(settings.code(), Code::kInvalidArgument) << c.uri;
    EXPECT_THAT(std::string(settings.status().message()), HasSubstr(c.says)) << c.uri;
  }
}

TEST(Pkcs11Uri, APinInItIsRefusedAndNotRepeated) {
  auto provider = open_provider("pkcs11:token=a;object=b?pin-value=13579");
  EXPECT_EQ(provider.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(provider.status().message()), HasSubstr("pin-source=file:"));
  EXPECT_THAT(std::string(provider.status().message()), Not(HasSubstr("13579")));
}

TEST(Pkcs11Uri, ANamedProviderIsGivenItsKeyBehindASlash) {
  const ProviderConfig config =
      configured("key_providers:\n  hsm:\n    uri: pkcs11:token=prod\n    pin_env: PIN\n    module-path: /m.so\n");
  auto whole = expand_named(parse_provider_uri("provider:hsm/key%3b1").value(), config);
  ASSERT_TRUE(whole.is_ok()) << whole.status().to_string();
  auto settings = parse_settings(*whole);
  ASSERT_TRUE(settings.is_ok()) << settings.status().to_string();
  EXPECT_EQ(settings->token, "prod");
  EXPECT_EQ(settings->object, "key;1");
  EXPECT_EQ(settings->pin.environment, "PIN");
  auto provider = open_provider("provider:hsm/key1", config);
  ASSERT_TRUE(provider.is_ok()) << provider.status().to_string();
  EXPECT_EQ((*provider)->uri(), "provider:hsm/key1");
}

}  // namespace
}  // namespace coffer::pkcs11
