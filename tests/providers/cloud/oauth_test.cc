// Tokens: asked for, signed for, kept and renewed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/io/disk.h"
#include "coffer/net/oauth/jwt.h"
#include "coffer/net/oauth/token.h"
#include "coffer_test_paths.h"

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

}  // namespace
}  // namespace coffer::oauth
