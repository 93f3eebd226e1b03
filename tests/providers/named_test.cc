// key_providers of coffer.yaml, and root key URIs that name one of them.
#include "coffer/providers/named.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/io/disk.h"
#include "coffer/providers/registry.h"
#include "coffer/providers/service_root.h"
#include "io/temporary_directory.h"
#include "support/configured.h"
#include "support/message_of.h"

namespace coffer {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(NamedProvider, TheShortUriOpensWhatIsConfiguredAndStaysShort) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(replace_file(Disk::posix(), directory / "app.key", Bytes(32, 7), 0600).is_ok());
  const ProviderConfig config = configured("key_providers:\n  here:\n    uri: file://" + (directory / "") + "\n");
  auto named = open_provider("provider:here/app.key", config);
  ASSERT_TRUE(named.is_ok()) << named.status().to_string();
  EXPECT_EQ((*named)->uri(), "provider:here/app.key");
  auto direct = open_provider(directory / "app.key");
  ASSERT_TRUE(direct.is_ok());
  EXPECT_EQ((*named)->current().value(), (*direct)->current().value());
  EXPECT_EQ((*named)->describe(), (*direct)->describe());
}

TEST(NamedProvider, OneThatTheStartRequiresIsAskedAlthoughNobodyUsesIt) {
  const TemporaryDirectory directory;
  const std::string used = directory / "used.key", unused = directory / "unused.key";
  ASSERT_TRUE(replace_file(Disk::posix(), used, Bytes(32, 7), 0600).is_ok());
  const auto yaml = [&](const std::string& word) {
    return "key_providers:\n  spare:\n    uri: file://" + unused + "\n    start_requires: " + word + "\n";
  };
  const auto missing = open_provider(used, configured(yaml("all")));
  EXPECT_EQ(missing.code(), Code::kNotFound);
  EXPECT_THAT(message_of(missing.status()),
              AllOf(HasSubstr("start_requires"), HasSubstr("provider:spare"), HasSubstr(unused)));
  EXPECT_TRUE(open_provider(used, configured(yaml("used"))).is_ok());
  EXPECT_EQ(open_provider(used, configured(yaml("some"))).code(), Code::kInvalidArgument);
  ASSERT_TRUE(replace_file(Disk::posix(), unused, Bytes(32, 8), 0600).is_ok());
  EXPECT_TRUE(open_provider(used, configured(yaml("all"))).is_ok());
  ASSERT_TRUE(Disk::posix().remove(unused).is_ok());
  EXPECT_TRUE(open_provider(used, configured(yaml("all"))).is_ok()) << "this process has started";
  EXPECT_EQ(open_provider("provider:spare", configured(yaml("all"))).value()->current().code(), Code::kNotFound);
}

TEST(NamedProvider, OptionsOfTheConfigurationAndOfTheUriComeTogether) {
  const ProviderConfig config = configured("key_providers:\n  a:\n    uri: vault://v:8200/transit?x=1\n    y: 2\n");
  auto whole = expand_named(parse_provider_uri("provider:a/app?z=3").value(), config);
  ASSERT_TRUE(whole.is_ok()) << whole.status().to_string();
  EXPECT_EQ(format_provider_uri(*whole), "vault://v:8200/transit/app?x=1&y=2&z=3");
  auto twice = expand_named(parse_provider_uri("provider:a/app?y=3").value(), config);
  EXPECT_EQ(twice.code(), Code::kInvalidArgument);
}

TEST(NamedProvider, WhatIsWrongInTheConfigurationIsNamedWithItsLine) {
  struct Case {
    std::string yaml, says;
  };
  const Case cases[] = {
      {"key_providers: [a]", ":2: key_providers: expected a mapping"},
      {"key_providers:\n  a: {x: 1}", ":3: key_providers: a: uri is missing"},
      {"key_providers:\n  'a/b': {uri: 'file:///k'}", ":3: key_providers: a name has 1 to 64"},
      {"key_providers:\n  a:\n    uri: file:///k#x", ":4: key_providers: a: uri: "},
      {"key_providers:\n  a:\n    uri: vault://v/t?x=1\n    x: 2", ":5: key_providers: a: x is there twice"},
      {"key_providers:\n  a: {uri: 'nosuch:k'}",
       "c.yaml:3: key_providers: a: uri: unknown kind of root key \"nosuch:\""},
      {"key_providers: {", "not valid YAML"},
      {"kmip_hosts:\n  prod:\n    hosts: h\n    nosuch: 1", "c.yaml:5: kmip_hosts: prod: nosuch: "},
  };
  for (const Case& c : cases) {
    const auto open = [&]() -> Status {
      COFFER_ASSIGN(const ProviderConfig config, read_sections(c.yaml, "c.yaml"));
      return open_provider("file:///k", config).status();
    };
    EXPECT_EQ(open().code(), Code::kInvalidArgument) << c.yaml;
    EXPECT_THAT(message_of(open()), AllOf(HasSubstr("c.yaml"), HasSubstr(c.says)));
  }
}

TEST(NamedProvider, AnUnknownNameIsAnErrorThatNamesTheFile) {
  for (const char* uri : {"provider:x/k", "provider:x", "provider:/k", "provider://x/k", "provider:"}) {
    auto provider = open_provider(uri, configured("", "/etc/c.yaml"));
    EXPECT_EQ(provider.code(), Code::kInvalidArgument) << uri;
    EXPECT_THAT(message_of(provider.status()), HasSubstr("/etc/c.yaml")) << uri;
  }
}

TEST(UriOptionReader, UnknownOptionsAreRefusedWithTheListOfKnownOnes) {
  const ProviderUri uri = parse_provider_uri("vault://h/k?pin_env=P&size=12&on=true&nosuch=1").value();
  UriOptions options(uri);
  EXPECT_EQ(options.take_secret("pin").value().environment, "P");
  EXPECT_EQ(options.take_number("size", 0, 1, 12).value(), 12u);
  EXPECT_TRUE(options.take_switch("on", false).value());
  EXPECT_EQ(options.finish().code(), Code::kInvalidArgument);
  EXPECT_THAT(message_of(options.finish()),
              AllOf(HasSubstr("nosuch"), HasSubstr("pin_file, pin_env, pin_sealed, size, on")));
}

TEST(UriOptionReader, ValuesOutOfBoundsAreRefused) {
  const ProviderUri uri = parse_provider_uri("vault://h/k?size=13&word=12x&on=yes&pin_env=P&pin_file=f").value();
  UriOptions options(uri);
  EXPECT_EQ(options.take_number("size", 0, 1, 12).code(), Code::kInvalidArgument);
  EXPECT_EQ(options.take_number("word", 0, 1, 12).code(), Code::kInvalidArgument);
  EXPECT_EQ(options.take_switch("on", false).code(), Code::kInvalidArgument);
  EXPECT_EQ(options.take_secret("pin").code(), Code::kInvalidArgument);
}

TEST(UriOptionReader, WhatIsKeptIsWhatWasTakenAndIsNotTheDefault) {
  const std::string here = std::filesystem::current_path().string();
  const ProviderUri uri =
      parse_provider_uri("vault://h/k?at=f&size=7&same=7&word=a&usual=b&on=true&off=true&pin_file=p&create=true")
          .value();
  UriOptions options(uri);
  EXPECT_TRUE(options.take_path("at").is_ok() && options.take_number("size", 0, 1, 12).is_ok() &&
              options.take_number("same", 7, 1, 12).is_ok());
  options.take("word", "b");
  options.take("usual", "b");
  EXPECT_TRUE(options.take_switch("on", false).is_ok() && options.take_switch("off", true).is_ok());
  EXPECT_TRUE(options.take_secret("pin").is_ok());
  EXPECT_TRUE(options.take_once("create").value());
  options.keep("size", "8");
  options.keep("more", "x");
  EXPECT_EQ(format_provider_uri(options.kept()),
            "vault://h/k?at=" + here + "/f&size=8&word=a&on=true&pin_file=" + here + "/p&more=x");
}

TEST(SecretSource, TakesTheFirstLineOfAFileThatNobodyElseReads) {
  const TemporaryDirectory directory;
  const std::string path = directory / "pin";
  ASSERT_TRUE(replace_file(Disk::posix(), path, as_bytes("1234\nignored"), 0600).is_ok());
  auto secret = read_secret({.file = path, .environment = {}});
  ASSERT_TRUE(secret.is_ok()) << secret.status().to_string();
  EXPECT_EQ(as_text(secret->reveal()), "1234");
  EXPECT_EQ(read_secret_text({.file = path, .environment = {}})->size(), 5u);
  ASSERT_TRUE(replace_file(Disk::posix(), path, as_bytes("1234"), 0644, ReplacedMode::kGiven).is_ok());
  auto open_to_all = read_secret({.file = path, .environment = {}});
  EXPECT_EQ(open_to_all.code(), Code::kPermissionDenied);
  EXPECT_THAT(message_of(open_to_all.status()), HasSubstr(path));
  EXPECT_EQ(read_secret({.file = directory / "none", .environment = {}}).code(), Code::kNotFound);
  EXPECT_EQ(read_secret({.file = {}, .environment = "COFFER_NO_SUCH_VARIABLE"}).code(), Code::kNotFound);
  EXPECT_TRUE(read_secret({})->empty());
}

TEST(ServiceWrap, OnlyItsOwnContextOpensIt) {
  const KeyringKey key = random_key<KeyringRole>(32).value();
  const WrapContext context{random_id().value(), random_id().value()};
  SecretBytes plaintext = service_plaintext(context, key).value();
  EXPECT_EQ(plaintext.size(), kServicePlaintextSize);
  auto back = keyring_key_of(context, plaintext);
  ASSERT_TRUE(back.is_ok()) << back.status().to_string();
  EXPECT_TRUE(equal_constant_time(back->reveal(), key.reveal()));
  EXPECT_EQ(keyring_key_of({context.coffer_id, random_id().value()}, plaintext).code(), Code::kWrongKey);
  EXPECT_EQ(keyring_key_of({random_id().value(), context.slot_id}, plaintext).code(), Code::kWrongKey);
  EXPECT_EQ(keyring_key_of(context, SecretBytes::copy_of(plaintext.reveal().first(63))).code(), Code::kTampered);
  EXPECT_EQ(keyring_key_of(context, SecretBytes()).code(), Code::kTampered);
  for (size_t bit = 0; bit < plaintext.size() * 8; ++bit) {
    SecretBytes flipped = plaintext.clone();
    flipped.reveal_mutable()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_EQ(keyring_key_of(context, flipped).code(), Code::kWrongKey) << bit;
  }
}

}  // namespace
}  // namespace coffer
