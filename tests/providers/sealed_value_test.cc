// Sealed values, by themselves and as the third place where an option's secret may be.
#include "coffer/config/sealed_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "coffer/config/key_file.h"
#include "coffer/config/uri.h"
#include "coffer/crypto/random.h"
#include "coffer/net/kmip/settings.h"
#include "coffer/providers/named.h"
#include "coffer/providers/registry.h"
#include "io/temporary_directory.h"
#include "support/configured.h"

namespace coffer {
namespace {

using testing::HasSubstr;
using testing::Not;

SecretBytes value_of(const std::string& text) { return SecretBytes::copy_of(as_bytes(text)); }

const SealedPlace kPlace{"token", "provider:prod", "vault.example"};

class SealedValue : public testing::Test {
 protected:
  SealedValue() : key_(random_key<RootRole>(32).value()) {}
  std::string sealed(const std::string& text) { return seal_value(key_, kPlace, value_of(text)).value(); }
  const RootKey key_;
};

TEST_F(SealedValue, OpensToWhatWasSealedAtEverySize) {
  for (size_t size : {0u, 1u, 15u, 16u, 17u, 4095u, 4096u}) {
    const std::string text(size, 'x');
    const std::string out = sealed(text);
    EXPECT_TRUE(out.starts_with("sealed:v1:"));
    auto opened = open_sealed_value(key_, kPlace, out);
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    EXPECT_EQ(as_text(opened->reveal()), text);
  }
  EXPECT_EQ(seal_value(key_, kPlace, SecretBytes(4097)).code(), Code::kLimitExceeded);
}

TEST_F(SealedValue, IsNeverTheSameTwice) { EXPECT_NE(sealed("swordfish"), sealed("swordfish")); }

// Made by another implementation (Python's cryptography): key 00…1f, salt 20…3f, value "swordfish", for kPlace.
TEST(SealedValueFormat, IsThatOfThePage) {
  constexpr const char* kGolden =
      "sealed:v1:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9FrVfH+uk0aClZB5qrzu/heWEZUpSeBaHs";
  Bytes bytes(32);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  auto opened = open_sealed_value(RootKey::copy_of(bytes), kPlace, kGolden);
  ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
  EXPECT_EQ(as_text(opened->reveal()), "swordfish");
}

TEST_F(SealedValue, DoesNotOpenAtAnotherPlaceOrByAnotherKey) {
  const std::string text = sealed("swordfish");
  const SealedPlace others[] = {{"secret_id", kPlace.provider, kPlace.hosts},
                                {"toke", "n" + kPlace.provider, kPlace.hosts},
                                {"", kPlace.provider, kPlace.hosts},
                                {kPlace.option, "provider:test", kPlace.hosts},
                                {kPlace.option, "kmip:prod", kPlace.hosts},
                                {kPlace.option, "vault", kPlace.hosts},
                                {kPlace.option, kPlace.provider, "evil.example"},
                                {kPlace.option, kPlace.provider, ""}};
  for (const SealedPlace& place : others) {
    const auto opened = open_sealed_value(key_, place, text);
    EXPECT_EQ(opened.code(), Code::kWrongKey) << place.text();
    EXPECT_THAT(std::string(opened.status().message()), HasSubstr(place.text()));
  }
  EXPECT_EQ(open_sealed_value(random_key<RootRole>(32).value(), kPlace, text).code(), Code::kWrongKey);
}

TEST_F(SealedValue, AlteredOrCutAnywhereIsAnError) {
  const std::string text = sealed("swordfish");
  for (size_t at = 0; at < text.size(); ++at) {
    std::string altered = text;
    altered[at] = altered[at] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(open_sealed_value(key_, kPlace, altered).is_ok()) << at;
    EXPECT_FALSE(open_sealed_value(key_, kPlace, text.substr(0, at)).is_ok()) << at;
  }
  EXPECT_FALSE(open_sealed_value(key_, kPlace, text + "AAAA").is_ok());
}

TEST_F(SealedValue, TextOfAnotherFormIsRefusedWithoutBeingRepeated) {
  for (const char* text : {"", "hunter2", "sealed:v2:AAAA", "sealed:v1:", "sealed:v1:hunter2", "sealed:v1:####"}) {
    const Status status = check_sealed_value(text);
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("hunter2")));
  }
  EXPECT_TRUE(check_sealed_value(sealed("x")).is_ok());
}

// An option of a URI, with the key where coffer.yaml or the environment says.
class SealedOption : public testing::Test {
 protected:
  SealedOption() {
    EXPECT_TRUE(generate_key_file(Disk::posix(), key_path_, {}).is_ok());
    ::unsetenv("COFFER_SEALING_KEY");
  }
  ~SealedOption() override { ::unsetenv("COFFER_SEALING_KEY"); }
  std::string sealed(const SealedPlace& place) {
    return seal_value(read_key_file(Disk::posix(), key_path_)->key, place, value_of("swordfish")).value();
  }
  std::string sealed(const std::string& name) { return sealed(SealedPlace{name, "x", ""}); }
  Result<SecretBytes> read(const std::string& text, const std::string& sealing_key) {
    COFFER_ASSIGN(ProviderUri uri, parse_provider_uri("x:y?" + text));
    COFFER_ASSIGN(const SecretSource source, UriOptions(uri, sealing_key).take_secret("token"));
    EXPECT_TRUE(source.given());
    return read_secret(source);
  }

  TemporaryDirectory directory_;
  const std::string key_path_ = directory_ / "sealing.key";
};

TEST_F(SealedOption, IsOpenedByTheConfiguredKey) {
  auto value = read("token_sealed=" + encode_uri_option(sealed("token")), key_path_);
  ASSERT_TRUE(value.is_ok()) << value.status().to_string();
  EXPECT_EQ(as_text(value->reveal()), "swordfish");
}

TEST_F(SealedOption, IsOpenedByTheKeyThatTheEnvironmentNamesIfNoneIsConfigured) {
  const std::string text = "token_sealed=" + encode_uri_option(sealed("token"));
  auto value = read(text, "");
  EXPECT_EQ(value.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(value.status().message()), HasSubstr("COFFER_SEALING_KEY"));
  ::setenv("COFFER_SEALING_KEY", key_path_.c_str(), 1);
  EXPECT_TRUE(read(text, "").is_ok());
  EXPECT_EQ(read(text, directory_ / "missing").code(), Code::kNotFound) << "what is configured comes first";
}

TEST_F(SealedOption, CannotBeMovedToAnotherOption) {
  auto value = read("token_sealed=" + encode_uri_option(sealed("secret_id")), key_path_);
  EXPECT_EQ(value.code(), Code::kWrongKey);
  EXPECT_THAT(std::string(value.status().message()), HasSubstr("token_sealed"));
}

TEST_F(SealedOption, ExcludesTheOtherPlacesAndMustBeASealedValue) {
  EXPECT_EQ(read("token_file=f&token_sealed=" + encode_uri_option(sealed("token")), key_path_).code(),
            Code::kInvalidArgument);
  auto value = read("token_sealed=hunter2", key_path_);
  EXPECT_EQ(value.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(value.status().message()), Not(HasSubstr("hunter2")));
}

TEST_F(SealedOption, IsKeptInTheUriOfASlot) {
  const ProviderConfig config = configured("sealing_key: " + key_path_ + "\n");
  const std::pair<std::string, std::string> cases[] = {
      {"keystore:/k.p12?", "store_password"},
      {"keystore:/k.p12?store_password_env=P&", "key_password"},
      {"pkcs11:token=t;object=o?", "pin"},
      {"vault://vault.example/transit/k?", "token"},
      {"tpm:/k?", "auth"},
      {"azure-kv://v.vault.azure.net/keys/k?client=c&", "secret"},
  };
  for (const auto& [uri, name] : cases) {
    auto provider = open_provider(uri + name + "_sealed=" + encode_uri_option(sealed(name)), config);
    ASSERT_TRUE(provider.is_ok()) << uri << ": " << provider.status().to_string();
    EXPECT_THAT((*provider)->uri(), HasSubstr(name + "_sealed=sealed:v1:"));
    EXPECT_EQ(sealed_place(parse_provider_uri(uri).value(), name),
              sealed_place(parse_provider_uri((*provider)->uri()).value(), name));
    EXPECT_EQ(open_provider((*provider)->uri(), config).value()->uri(), (*provider)->uri());
  }
}

TEST_F(SealedOption, ServesKmipHostsToo) {
  const std::string text = sealed(SealedPlace{"keystore_password", "kmip:prod", "h,hsm2.example"});
  const std::string yaml =
      "sealing_key: " + key_path_ +
      "\nkmip_hosts:\n  prod:\n    hosts: h:5697, HSM2.example\n    keystore_path: /k\n    keystore_type: jks\n    ca: "
      "/ca\n    keystore_password_sealed: " +
      text + "\n";
  auto groups = kmip::configured_groups(configured(yaml));
  ASSERT_TRUE(groups.is_ok()) << groups.status().to_string();
  auto value = read_secret(groups->at("prod").tls.identity.password);
  ASSERT_TRUE(value.is_ok()) << value.status().to_string();
  EXPECT_EQ(as_text(value->reveal()), "swordfish");
}

TEST_F(SealedOption, ServesKmipHostsThatAUriNames) {
  auto uri = parse_provider_uri("kmip://h/k?keystore_path=/k&keystore_type=jks&ca=/ca&keystore_password_sealed=" +
                                encode_uri_option(sealed(SealedPlace{"keystore_password", "kmip", "h"})));
  ASSERT_TRUE(uri.is_ok());
  auto settings = kmip::parse_kmip_uri(*uri, configured("sealing_key: " + key_path_ + "\n"));
  ASSERT_TRUE(settings.is_ok()) << settings.status().to_string();
  EXPECT_TRUE(read_secret(settings->group.tls.identity.password).is_ok());
  const std::string formatted = settings->uri;
  EXPECT_THAT(formatted, HasSubstr("keystore_password_sealed=sealed:v1:"));
  EXPECT_EQ(kmip::parse_kmip_uri(parse_provider_uri(formatted).value(), {})->uri, formatted);
}

TEST_F(SealedOption, OpensForTheProviderAndHostsThatItWasSealedFor) {
  const std::string text = sealed(SealedPlace{"token", "provider:prod", "[::1],vault.example"});
  const auto read_from = [&](const std::string& name, const std::string& authority) {
    const ProviderConfig config = configured("key_providers:\n  " + name + ":\n    uri: x://" + authority +
                                             "/m\n    token_sealed: " + text + "\n");
    const ProviderUri whole = expand_named(parse_provider_uri("provider:" + name + "/k").value(), config).value();
    return read_secret(UriOptions(whole, key_path_).take_secret("token").value()).status();
  };
  EXPECT_EQ(read_from("prod", "[::1]:8200,Vault.example").to_string(), Status().to_string());
  EXPECT_EQ(read_from("test", "[::1],vault.example").code(), Code::kWrongKey);
  EXPECT_EQ(read_from("prod", "[::1],evil.example").code(), Code::kWrongKey);
  EXPECT_EQ(read_from("prod", "[::1]").code(), Code::kWrongKey);
}

TEST_F(SealedOption, TheKeysPathHasToBeAbsolute) {
  for (const char* yaml : {"sealing_key: relative\n", "sealing_key: [a]\n"}) {
    auto config = read_sections(yaml, "c.yaml");
    EXPECT_EQ(config.code(), Code::kInvalidArgument) << yaml;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr("c.yaml:2: sealing_key"));
  }
}

}  // namespace
}  // namespace coffer
