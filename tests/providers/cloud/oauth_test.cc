// Tokens: asked for, signed for, kept, renewed, and given to nobody else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/io/disk.h"
#include "coffer/net/oauth/jwt.h"
#include "coffer/net/oauth/token.h"
#include "coffer/net/oauth/trusted_service.h"
#include "coffer/providers/azure_kv/challenge.h"
#include "coffer_test_paths.h"
#include "support/configured.h"

namespace coffer::oauth {
namespace {

using testing::HasSubstr;

SecretBytes published_key() {
  const auto pem = read_file(Disk::posix(), COFFER_SOURCE_DIR "/tests/vectors/rfc7515_rs256.pem", 1 << 16);
  return SecretBytes::copy_of(pem.value());
}

TEST(Jwt, TheSignatureIsThatOfTheStandardsExample) {
  // RFC 7515, appendix A.2.
  const std::string claims = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
  auto token = sign_jwt(as_bytes(R"({"alg":"RS256"})"), as_bytes(claims), published_key());
  ASSERT_TRUE(token.is_ok()) << token.status().to_string();
  EXPECT_EQ(
      as_text(token->reveal()),
      "eyJhbGciOiJSUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9C"
      "UAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6"
      "_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp"
      "0igcN_IoypGlUPQGe77Rw");
}

TEST(Jwt, WhatIsNoRsaKeyIsRefusedWithoutBeingRepeated) {
  const SecretBytes good = published_key();
  const std::string text(as_text(good.reveal()));
  for (const std::string& pem : {std::string(), std::string("no PEM"), text.substr(0, text.size() / 2),
                                 std::string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                                 std::string("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAAA\n-----END ENCRYPTED PRIVATE "
                                             "KEY-----\n")}) {
    auto token = sign_jwt(as_bytes("{}"), as_bytes("{}"), SecretBytes::copy_of(as_bytes(pem)));
    EXPECT_EQ(token.code(), Code::kInvalidArgument);
    EXPECT_THAT(std::string(token.status().message()), HasSubstr("RSA private key"));
  }
  EXPECT_EQ(certificate_thumbprint(good).code(), Code::kInvalidArgument);
}

TEST(Form, EverythingButUnreservedCharactersIsEscaped) {
  Form form;
  form.add("a", "plain-._~9").add("b", "x y+&=%/\xc3\xa9").add("c", SecretBytes::copy_of(as_bytes("s;")));
  EXPECT_EQ(as_text(form.take().reveal()), "a=plain-._~9&b=x%20y%2B%26%3D%25%2F%C3%A9&c=s%3B");
}

TEST(Words, OfAServiceAreOneBoundedLine) {
  EXPECT_EQ(words_of(as_bytes("first\r\nsecond")), "first");
  EXPECT_EQ(words_of(as_bytes("\x1b[1mloud\t!")), "?[1mloud?!");
  EXPECT_EQ(words_of(as_bytes(std::string(1000, 'x'))).size(), 600u);
}

TEST(TrustedService, CredentialsGoToTheVendorToThisMachineAndWhereTheConfigurationSays) {
  struct Case {
    std::string url;
    bool is_trusted;
  };
  const Case cases[] = {
      {"https://kms.vendor.example", true},
      {"https://KMS.Vendor.Example:8443", true},
      {"https://login.example", true},
      {"http://kms.vendor.example", false},
      {"https://vendor.example", false},
      {"https://evilvendor.example", false},
      {"https://kms.vendor.example.evil.test", false},
      {"https://sub.login.example", false},
      {"http://127.0.0.1:80", true},
      {"http://localhost:80", true},
      {"https://[::1]:80", true},
      {"https://127.0.0.1.evil.test", false},
      {"https://127.evil.test", false},
      {"https://configured.test", true},
      {"https://not.configured.test", false},
  };
  constexpr std::array<std::string_view, 2> kDomains = {".vendor.example", "login.example"};
  const ProviderConfig config =
      configured("key_providers:\n  a:\n    uri: vault://configured.test/transit\n", "c.yaml");
  for (const Case& c : cases) {
    const Status status = check_trusted(c.url, kDomains, config, [&](const ProviderUri& configured) {
      return "https://" + configured.authority.value_or("") == c.url;
    });
    EXPECT_EQ(status.is_ok(), c.is_trusted) << c.url << ": " << status.to_string();
    if (c.is_trusted) continue;
    EXPECT_EQ(status.code(), Code::kPermissionDenied);
    EXPECT_THAT(std::string(status.message()), HasSubstr("key_providers in c.yaml"));
  }
}

TEST(Challenge, ATokenIsAskedForTheVaultsOwnServiceOnly) {
  struct Case {
    std::string header, host, resource, tenant;
  };
  const std::string tenant = "Bearer authorization=\"https://login.microsoftonline.com/T1\", ";
  const std::string vault = "v.vault.azure.net:443";
  const Case cases[] = {
      {tenant + "resource=\"https://vault.azure.net\"", vault, "https://vault.azure.net", "T1"},
      {tenant + "scope=\"https://vault.azure.net/.default\"", vault, "https://vault.azure.net", "T1"},
      {"Bearer authorization_uri=https://login.windows.net/T2/x,resource=https://vault.azure.net", vault,
       "https://vault.azure.net", "T2"},
      {"Bearer resource=\"https://managedhsm.azure.net\"", "h.managedhsm.azure.net:443", "https://managedhsm.azure.net",
       ""},
      {tenant + "resource=\"https://vault.azure.net\"", "127.0.0.1:9", "https://vault.azure.net", "T1"},
      {tenant + "resource=\"https://management.azure.com\"", vault, "", ""},
      {tenant + "resource=\"https://management.azure.com\"", "127.0.0.1:9", "", ""},
      {tenant + "resource=\"https://managedhsm.azure.net\"", vault, "", ""},
      {tenant + "resource=\"https://vault.azure.net.evil.test\"", vault, "", ""},
      {tenant + "resource=\"http://vault.azure.net\"", vault, "", ""},
      {tenant, vault, "", ""},
      {"Basic realm=\"vault\"", vault, "", ""},
      {"", vault, "", ""},
      {"Bearer resource=\"", vault, "", ""},
      {"Bearer ,,==\"\"", vault, "", ""},
  };
  for (const Case& c : cases) {
    const auto challenge = azure_kv::parse_challenge(c.header, c.host);
    EXPECT_EQ(challenge.is_ok(), !c.resource.empty()) << c.header;
    if (!challenge.is_ok()) {
      EXPECT_EQ(challenge.code(), Code::kTampered) << c.header;
      continue;
    }
    EXPECT_EQ(challenge->resource, c.resource) << c.header;
    EXPECT_EQ(challenge->tenant, c.tenant) << c.header;
  }
}

}  // namespace
}  // namespace coffer::oauth
