#include "coffer/config/uri.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "coffer/providers/registry.h"

namespace coffer {
namespace {

using testing::HasSubstr;

TEST(ProviderUri, IsTakenApart) {
  ProviderUri uri = parse_provider_uri("KMIP://hsm1:5696,hsm2:5696/prod%20a?ca=/etc/ca.pem&retry=3").value();
  EXPECT_EQ(uri.scheme, "kmip");
  EXPECT_EQ(uri.authority, "hsm1:5696,hsm2:5696");
  EXPECT_EQ(uri.path, "/prod a");
  EXPECT_EQ(uri.raw_path, "/prod%20a");
  ASSERT_EQ(uri.options.size(), 2u);
  EXPECT_EQ(uri.options[0], (std::pair<std::string, std::string>("ca", "/etc/ca.pem")));
  EXPECT_EQ(uri.options[1], (std::pair<std::string, std::string>("retry", "3")));
  EXPECT_EQ(parse_provider_uri("file:rel")->authority, std::nullopt);
  EXPECT_EQ(parse_provider_uri("file:///abs")->authority, "");
}

TEST(ProviderUri, ABarePathIsTakenToTheLetter) {
  for (const char* path : {"/etc/a?b=c#d%41", "root.key", "./a:b", "1a:b", "../x", "a/b:c", "%zz"}) {
    ProviderUri uri = parse_provider_uri(path).value();
    EXPECT_EQ(uri.scheme, "file") << path;
    EXPECT_EQ(uri.path, path);
    EXPECT_TRUE(uri.options.empty());
  }
}

TEST(ProviderUri, WhatIsMalformedIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("file:%4"), std::string("file:%zz"), std::string("file:%00"),
        std::string("file:a#b"), std::string("file:a?b"), std::string("file:a?=b"), std::string("file:a?b=1&b=2"),
        std::string("kmip://me@host/"), std::string("kmip://me:secret@host/"), std::string("/a\0b", 4),
        std::string("/a\nb"), std::string("file:/a%7f"), std::string("kmip://h\x1b/k"),
        std::string("kmip://h/k?o=%1b")}) {
    auto uri = parse_provider_uri(text);
    EXPECT_EQ(uri.code(), Code::kInvalidArgument) << text;
    EXPECT_THAT(std::string(uri.status().message()), testing::Not(HasSubstr("secret")));
  }
}

TEST(ProviderUri, EncodedPathsComeBack) {
  std::string every;
  for (int c = 0x20; c < 256; ++c) {
    if (c != 0x7f) every.push_back(static_cast<char>(c));
  }
  EXPECT_EQ(parse_provider_uri("file:" + encode_uri_path("/" + every))->path, "/" + every);
  EXPECT_EQ(encode_uri_path("/etc/root key.1"), "/etc/root%20key.1");
}

TEST(Registry, AllFormsOfAFileUriMeanTheSameFile) {
  const std::string cwd = std::filesystem::current_path().string();
  for (const auto& [uri, expected] :
       std::vector<std::pair<std::string, std::string>>{{"file:///etc/root.key", "file:///etc/root.key"},
                                                        {"file://localhost/etc/root.key", "file:///etc/root.key"},
                                                        {"file:/etc/root.key", "file:///etc/root.key"},
                                                        {"/etc/root.key", "file:///etc/root.key"},
                                                        {"FILE:/etc/root.key", "file:///etc/root.key"},
                                                        {"file:sub/root%20key", "file://" + cwd + "/sub/root%20key"},
                                                        {"./root.key", "file://" + cwd + "/root.key"},
                                                        {"root.key", "file://" + cwd + "/root.key"}}) {
    auto provider = open_provider(uri);
    ASSERT_TRUE(provider.is_ok()) << uri << ": " << provider.status().to_string();
    EXPECT_EQ((*provider)->uri(), expected) << uri;
  }
}

TEST(Registry, UnknownSchemesAndOptionsAreErrorsThatSayWhatThereIs) {
  auto scheme = open_provider("kmsp://host/key");
  EXPECT_EQ(scheme.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(scheme.status().message()), HasSubstr("kmsp:"));
  EXPECT_THAT(std::string(scheme.status().message()), HasSubstr("known: file:"));
  auto option = open_provider("file:///etc/root.key?formt=raw");
  EXPECT_EQ(option.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(option.status().message()), HasSubstr("formt"));
  EXPECT_EQ(open_provider("file://otherhost/etc/root.key").code(), Code::kInvalidArgument);
  EXPECT_EQ(open_provider("file:").code(), Code::kInvalidArgument);
  EXPECT_EQ(open_provider("file:///").code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace coffer
