#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "coffer/providers/keystore/keystore.h"
#include "coffer/providers/registry.h"

namespace coffer {
namespace {

using testing::HasSubstr;

TEST(KeystoreUri, IsKeptWithAbsolutePathsAndEveryOption) {
  const std::string here = std::filesystem::current_path().string();
  auto provider =
      open_provider("keystore:./k.p12?alias=my%20root&type=pkcs12&store_password_file=pw&key_password_env=K");
  ASSERT_TRUE(provider.is_ok()) << provider.status().to_string();
  EXPECT_EQ((*provider)->uri(), "keystore:" + here + "/k.p12?alias=my%20root&type=pkcs12&store_password_file=" + here +
                                    "/pw&key_password_env=K");
  EXPECT_EQ(open_provider((*provider)->uri()).value()->uri(), (*provider)->uri());
}

TEST(KeystoreUri, MayHaveSlashesBeforeAnAbsolutePath) {
  auto provider = open_provider("keystore:///etc/k.p12?store_password_env=P");
  ASSERT_TRUE(provider.is_ok()) << provider.status().to_string();
  EXPECT_EQ((*provider)->uri(), "keystore:/etc/k.p12?store_password_env=P");
}

TEST(KeystoreUri, WhatIsWrongWithItIsSaid) {
  const std::pair<const char*, const char*> cases[] = {
      {"keystore:/k.p12", "store_password_file"},
      {"keystore:?store_password_env=P", "names no keystore file"},
      {"keystore://host/k.p12?store_password_env=P", "on this machine"},
      {"keystore:/k.p12?store_password_env=P&type=jks", "pkcs12 or jceks"},
      {"keystore:/k.p12?store_password=hunter2", "store_password"},
      {"keystore:/k.p12?store_password_env=P&store_password_file=f", "exclude each other"},
  };
  for (const auto& [uri, expectation] : cases) {
    auto provider = open_provider(uri);
    EXPECT_EQ(provider.code(), Code::kInvalidArgument) << uri;
    EXPECT_THAT(std::string(provider.status().message()), HasSubstr(expectation)) << uri;
    EXPECT_THAT(std::string(provider.status().message()), testing::Not(HasSubstr("hunter2")));
  }
}

}  // namespace
}  // namespace coffer
