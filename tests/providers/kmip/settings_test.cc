#include "coffer/net/kmip/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "support/configured.h"

namespace coffer::kmip {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Result<KmipSettings> parse(const std::string& text, const ProviderConfig& config = {}) {
  COFFER_ASSIGN(const ProviderUri uri, parse_provider_uri(text));
  return parse_kmip_uri(uri, config);
}

constexpr const char* kPem = "cert=/c/client.pem&key=/c/client.key&ca=/c/ca.pem";

std::string with(const std::string& options) { return "kmip://hsm1/prod?" + std::string(kPem) + "&" + options; }

TEST(KmipSettings, AUriNamesHostsKeyAndOptions) {
  const auto settings = parse(
      "kmip://hsm1,hsm2:5697,[2001:db8::1]:5698/prod%20key?cert=/c/client.pem&key=/c/client.key&ca=/c/"
      "ca.pem&namespace=a%26b&"
      "strength=128&create=true&use=get&timeout_millis=2500&key_cache_millis=0&protocol=TLSv1.3&"
      "cipher_suites=TLS_AES_256_GCM_SHA384&verify_host=false&kmip_version=2.1&policy=p&namespace_attribute=x-ns",
      {});
  ASSERT_TRUE(settings) << settings.status().message();
  EXPECT_THAT(settings->group.hosts,
              ElementsAre(HostAddress{"hsm1", 5696}, HostAddress{"hsm2", 5697}, HostAddress{"2001:db8::1", 5698}));
  EXPECT_EQ(settings->key.key_name, "prod key");
  EXPECT_EQ(settings->key.space.name, "a&b");
  EXPECT_EQ(settings->key.space.attribute, "x-ns");
  EXPECT_EQ(settings->key.bits, 128);
  EXPECT_TRUE(settings->key.create);
  EXPECT_EQ(settings->key.use, KeyUse::kGet);
  EXPECT_EQ(settings->key.operation_policy, "p");
  EXPECT_EQ(settings->group.timeout.count(), 2500);
  EXPECT_EQ(settings->group.key_cache.count(), 0);
  EXPECT_EQ(settings->group.tls.protocol, "TLSv1.3");
  EXPECT_THAT(settings->group.tls.cipher_suites, ElementsAre("TLS_AES_256_GCM_SHA384"));
  EXPECT_FALSE(settings->group.tls.verify_host);
  EXPECT_EQ(settings->group.version, kKmip21);
  const auto again = parse(settings->uri, {});
  ASSERT_TRUE(again) << again.status().message();
  EXPECT_EQ(*again, *settings);
  EXPECT_EQ(again->uri, settings->uri);
}

TEST(KmipSettings, AUriThatSaysLittleMeansTheDefaults) {
  const auto settings = parse("kmip://hsm1/prod?" + std::string(kPem), {});
  ASSERT_TRUE(settings) << settings.status().message();
  EXPECT_EQ(settings->group.hosts.front().port, 5696);
  EXPECT_EQ(settings->group.timeout.count(), 10000);
  EXPECT_EQ(settings->group.key_cache.count(), 300000);
  EXPECT_TRUE(settings->group.tls.verify_host);
  EXPECT_EQ(settings->key.algorithm, "AES");
  EXPECT_EQ(settings->key.bits, 256);
  EXPECT_FALSE(settings->key.create);
  EXPECT_EQ(settings->key.use, KeyUse::kAuto);
  EXPECT_EQ(settings->uri, "kmip://hsm1:5696/prod?" + std::string(kPem));
}

TEST(KmipSettings, RelativePathsAreBelowTheCurrentDirectory) {
  const auto settings =
      parse("kmip://hsm1/prod?keystore_path=a.p12&keystore_type=pkcs12&keystore_password_file=./pw&ca=/ca", {});
  ASSERT_TRUE(settings) << settings.status().message();
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(settings->group.tls.identity.path, here + "/a.p12");
  EXPECT_EQ(settings->group.tls.identity.password.file, here + "/pw");
  EXPECT_EQ(parse(settings->uri, {}).value(), *settings);
}

TEST(KmipSettings, WhatIsWrongWithAUriIsNamed) {
  const std::pair<std::string, const char*> kCases[] = {
      {with("timout=5"), "option timout: kmip: has no such option"},
      {with("timeout_millis=0"), "timeout_millis: expected a number from 1 to 600000"},
      {with("timeout_millis=1s"), "timeout_millis: expected a number"},
      {with("retries=2"), "option retries: kmip: has no such option"},
      {with("start_requires=all"), "option start_requires: kmip: has no such option"},
      {with("create=maybe"), "create: expected true or false"},
      {with("use=put"), "use: expected auto, get or encrypt"},
      {with("strength=255"), "strength: expected 128, 192 or 256"},
      {with("algorithm=3DES"), "algorithm: expected AES"},
      {with("kmip_version=3.0"), "kmip_version: expected 1.0"},
      {with("protocol=SSLv3"), "protocol: expected TLS, TLSv1.2 or TLSv1.3"},
      {with("keystore_password=hunter2"), "keystore_password_file"},
      {with("keystore_type=bks"), "keystore_type: expected pem, pkcs12, p12 or jks"},
      {with("cipher_suites=a,,b"), "cipher_suites: expected names"},
      {with("namespace_attribute=ns&namespace=a"), "begins with x-"},
      {with("namespace_attribute=x-ns"), "there is no namespace"},
      {"kmip://hsm1/?" + std::string(kPem), "the name of the key is missing"},
      {"kmip:///prod?" + std::string(kPem), "hosts: expected"},
      {"kmip://hsm1:0/prod?" + std::string(kPem), "port from 1 to 65535"},
      {"kmip://hsm1:/prod?" + std::string(kPem), "port from 1 to 65535"},
      {"kmip://::1/prod?" + std::string(kPem), "in brackets"},
      {"kmip://hsm1,hsm1:5696/prod?" + std::string(kPem), "listed twice"},
      {"kmip://hsm 1/prod?" + std::string(kPem), "names or addresses"},
      {"kmip://hsm1/prod", "a client certificate is needed"},
      {"kmip://hsm1/prod?cert=/c/client.pem", "who signs the hosts' certificates"},
      {"kmip:hsm1", "expected kmip://HOST"},
      {"kmip:prod/key", "the group prod is not configured"},
      {"kmip://hsm1/prod?ca=/ca&cert=/" + std::string(1100, 'a'), "longer than 1024 bytes"},
      {"file:///a", "not a kmip: URI"},
  };
  for (const auto& [uri, why] : kCases) {
    const auto settings = parse(uri, {});
    EXPECT_FALSE(settings) << uri;
    EXPECT_THAT(std::string(settings.status().message()), HasSubstr(why)) << uri;
    EXPECT_THAT(std::string(settings.status().message()), Not(HasSubstr("hunter2")));
  }
}

constexpr const char* kYaml = R"(cipher: aes-256-gcm
kmip_hosts:
  prod:
    hosts: hsm1.example.com, hsm2.example.com:5697
    keystore_path: /etc/coffer/kmip.p12
    keystore_type: PKCS12
    keystore_password_file: /etc/coffer/kmip.password
    truststore_path: /etc/coffer/trust.p12
    truststore_type: pkcs12
    truststore_password_env: TRUST_PASSWORD
    key_cache_millis: 60000
    timeout: 500
    protocol: TLSv1.2
    cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, ECDHE-RSA-AES256-GCM-SHA384]
  standby:
    hosts: [hsm3]
    start_requires: all
    cert: /etc/coffer/kmip.pem
    ca: /etc/coffer/ca.pem
)";

TEST(KmipSettings, GroupsAreReadFromYaml) {
  const ProviderConfig config = configured(kYaml);
  const auto groups = configured_groups(config);
  ASSERT_TRUE(groups) << groups.status().message();
  ASSERT_EQ(groups->size(), 2u);
  const GroupSettings& prod = groups->at("prod");
  EXPECT_EQ(prod.describe(), "kmip group prod (hsm1.example.com:5696, hsm2.example.com:5697)");
  EXPECT_EQ(prod.tls.identity.type, StoreType::kPkcs12);
  EXPECT_EQ(prod.tls.identity.password.file, "/etc/coffer/kmip.password");
  EXPECT_EQ(prod.tls.trust.password.environment, "TRUST_PASSWORD");
  EXPECT_EQ(prod.key_cache.count(), 60000);
  EXPECT_EQ(prod.timeout.count(), 500);
  EXPECT_EQ(prod.tls.protocol, "TLSv1.2");
  EXPECT_EQ(prod.tls.cipher_suites.size(), 2u);
  EXPECT_THAT(groups->at("standby").hosts, ElementsAre(HostAddress{"hsm3", 5696}));
  EXPECT_TRUE(groups->at("standby").needed_at_start);
  EXPECT_FALSE(prod.needed_at_start);

  const auto settings = parse("kmip:prod/orders?create=true&namespace=shop", config);
  ASSERT_TRUE(settings) << settings.status().message();
  EXPECT_EQ(settings->group, prod);
  EXPECT_EQ(settings->key.key_name, "orders");
  EXPECT_EQ(settings->uri, "kmip:prod/orders?namespace=shop&create=true");
  const auto wrong = parse("kmip:prod/orders?timeout_millis=5", config);
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("belong into the configuration"));
}

TEST(KmipSettings, AConfigurationWithoutGroupsHasNone) {
  EXPECT_TRUE(configured_groups(configured("cipher: aes-256-gcm\n"))->empty());
}

TEST(KmipSettings, WhatIsWrongWithAConfigurationIsNamedWithItsLine) {
  const std::pair<const char*, const char*> kCases[] = {
      {"kmip_hosts: 1", "coffer.yaml:2: kmip_hosts: expected a mapping"},
      {"kmip_hosts:\n  prod: 1", "coffer.yaml:3: kmip_hosts: prod: expected a mapping"},
      {"kmip_hosts:\n  'a b': {}", "coffer.yaml:3: kmip_hosts: a name has"},
      {"kmip_hosts:\n  prod:\n    hosts: h\n    colour: red", "coffer.yaml:5: kmip_hosts: prod: colour: "},
      {"kmip_hosts:\n  prod:\n    hosts: {a: b}", "hosts: expected one value"},
      {"kmip_hosts:\n  prod:\n    hosts: h\n    timeout: [1, 2]", "prod: timeout: expected"},
      {"kmip_hosts:\n  prod:\n    hosts: h\n    cert: client.pem",
       "coffer.yaml:5: kmip_hosts: prod: cert: expected an absolute path"},
      {"kmip_hosts:\n  prod:\n    hosts: h\n    truststore_password: hunter2", "a secret does not stand in clear here"},
      {"kmip_hosts:\n  prod:\n    hosts: h\n    start_requires: some", "prod: start_requires: expected all or used"},
      {"kmip_hosts:\n  prod:\n    hosts: h", "prod: a client certificate is needed"},
      {"kmip_hosts:\n  prod:\n    cert: /c\n    ca: /a", "prod: hosts is missing"},
      {"kmip_hosts:\n  prod:\n    hosts: h\n    timeout: 5\n    timeout: 6", "timeout is there twice"},
      {"kmip_hosts:\n  prod:\n    hosts: h\n    timeout: 5\n    timeout_millis: 6", "timeout_millis is there twice"},
      {"kmip_hosts:\n  prod:\n    hosts: h\n    cert: /c\n    keystore_path: /k",
       ":5: kmip_hosts: prod: cert: expected"},
      {"kmip_hosts: [", "not valid YAML"},
  };
  for (const auto& [yaml, why] : kCases) {
    const auto read = [text = yaml]() -> Status {
      COFFER_ASSIGN(const ProviderConfig config, read_sections(text));
      return configured_groups(config).status();
    };
    EXPECT_EQ(read().code(), Code::kInvalidArgument) << yaml;
    EXPECT_THAT(std::string(read().message()), HasSubstr(why)) << yaml;
    EXPECT_THAT(std::string(read().message()), Not(HasSubstr("hunter2")));
  }
}

}  // namespace
}  // namespace coffer::kmip
