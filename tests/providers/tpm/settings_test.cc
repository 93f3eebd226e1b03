// "tpm:" URIs.
#include "coffer/providers/tpm/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/providers/registry.h"

namespace coffer::tpm {
namespace {

using testing::HasSubstr;

Result<Settings> parse(const std::string& text) {
  COFFER_ASSIGN(const ProviderUri uri, parse_provider_uri(text));
  return parse_settings(uri);
}

TEST(TpmUri, IsTakenApartAndKeepsWhatOpensTheKeyAgain) {
  auto settings = parse(
      "tpm:///etc/a%20b.tpm?tcti=swtpm:host=127.0.0.1,port=2321&pcrs=sha384:7,0&auth_file=/p&owner_auth_env=O&"
      "create=true&timeout_millis=500");
  ASSERT_TRUE(settings.is_ok()) << settings.status().to_string();
  EXPECT_EQ(settings->path, "/etc/a b.tpm");
  EXPECT_EQ(settings->pcrs, (PcrSelection{0x000c, 0x81}));
  EXPECT_TRUE(settings->create);
  const std::string formatted = settings->uri;
  EXPECT_EQ(
      formatted,
      "tpm:/etc/a%20b.tpm?tcti=swtpm:host%3d127.0.0.1,port%3d2321&auth_file=/p&owner_auth_env=O&timeout_millis=500");
  EXPECT_EQ(parse(formatted)->uri, formatted);
  EXPECT_EQ(parse("tpm:/etc/a")->uri, "tpm:/etc/a");
  EXPECT_EQ(parse("tpm:/etc/a")->tcti, "device:/dev/tpmrm0");
}

TEST(TpmUri, WhatIsWrongIsRefusedWithTheReason) {
  struct Case {
    std::string uri, says;
  };
  const Case cases[] = {
      {"tpm:", "names no file"},
      {"tpm:/etc/", "names no file"},
      {"tpm://host/etc/a", "tpm:/PATH"},
      {"tpm:/a?nosuch=1", "nosuch"},
      {"tpm:/a?tcti=cmd:rm", "tcti: expected"},
      {"tpm:/a?tcti=/tmp/libevil.so", "tcti: expected"},
      {"tpm:/a?tcti=pcap:device", "tcti: expected"},
      {"tpm:/a?tcti=", "tcti: expected"},
      {"tpm:/a?tcti=device:/dev/t%20pm", "tcti: expected"},
      {"tpm:/a?pcrs=7", "BANK:NUMBER"},
      {"tpm:/a?pcrs=sha1:7", "sha256"},
      {"tpm:/a?pcrs=sha256:", "BANK:NUMBER"},
      {"tpm:/a?pcrs=sha256:24", "0 to 23"},
      {"tpm:/a?pcrs=sha256:1,1", "BANK:NUMBER"},
      {"tpm:/a?pcrs=sha256:1,", "BANK:NUMBER"},
      {"tpm:/a?pcrs=sha256:-1", "BANK:NUMBER"},
      {"tpm:/a?auth_file=/b&auth_env=C", "exclude each other"},
      {"tpm:/a?create=yes", "true or false"},
  };
  for (const Case& c : cases) {
    auto settings = parse(c.uri);
    EXPECT_EQ(settings.code(), Code::kInvalidArgument) << c.uri;
    EXPECT_THAT(std::string(settings.status().message()), HasSubstr(c.says)) << c.uri;
  }
}

TEST(TpmUri, PcrsComeBackInOrder) {
  for (const char* text : {"sha256:0", "sha256:0,7,23", "sha384:16", "sha512:1,2"}) {
    EXPECT_EQ(format_pcrs(parse_pcrs(text).value()), text);
  }
  EXPECT_EQ(format_pcrs(parse_pcrs("sha256:7,0").value()), "sha256:0,7");
  EXPECT_EQ(format_pcrs({}), "none");
}

}  // namespace
}  // namespace coffer::tpm
