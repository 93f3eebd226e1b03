// Google Cloud KMS: credentials, versions, checksums, and bad days. What every provider must do stands in
// ../contract_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/providers/registry.h"
#include "providers/cloud/fake_server.h"
#include "providers/cloud/variable.h"
#include "support/configured.h"

namespace coffer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kKey = "projects/p/locations/global/keyRings/r/cryptoKeys/k";

class GcpKms : public testing::Test {
 protected:
  void SetUp() override { act("make_key"); }

  std::string act(const std::string& action, const std::string& more = "") {
    return server_.operate("{\"action\":\"" + action + "\",\"name\":\"" + kKey + "\"" + more + "}");
  }
  void set(const std::string& members) { server_.operate("{\"action\":\"set\"," + members + "}"); }
  std::string account(const std::string& email = "db@p.iam") {
    return server_.file(email, server_.operate(R"({"action":"add_account","email":")" + email + "\"}"));
  }
  std::string uri(const std::string& options) {
    return "gcp-kms://" + kKey + "?endpoint=http://" + server_.host() + "&timeout_millis=5000" + options;
  }
  std::unique_ptr<RootKeyProvider> open(const std::string& options) {
    auto provider = open_provider(uri(options));
    if (!provider.is_ok()) throw std::runtime_error(provider.status().to_string());
    return std::move(provider).value();
  }
  std::unique_ptr<RootKeyProvider> open_with_account() { return open("&credentials_file=" + account()); }
  Status current_with(const std::string& credentials) {
    return open("&credentials_file=" + server_.file("credentials", credentials))->current().status();
  }

  Status unwraps(RootKeyProvider& provider, const RootKeyHandle& handle, const WrappedKeyringKey& wrapped) {
    auto key = provider.unwrap(handle, context_, wrapped);
    if (key.is_ok() && !equal_constant_time(key->reveal(), key_.reveal())) return {Code::kInternal, "another key"};
    return key.status();
  }
  Status round_trip(RootKeyProvider& provider) {
    COFFER_ASSIGN(const RootKeyHandle handle, provider.current());
    COFFER_ASSIGN(const WrappedKeyringKey wrapped, provider.wrap(handle, context_, key_));
    return unwraps(provider, handle, wrapped);
  }
  std::string message(const Status& status) { return std::string(status.message()); }
  int count(const std::string& request) {
    const auto requests = server_.requests();
    return static_cast<int>(std::count(requests.begin(), requests.end(), request));
  }

  FakeServer server_{"fake_gcp_kms.py"};
  const WrapContext context_{random_id().value(), random_id().value()};
  const KeyringKey key_ = random_key<KeyringRole>(32).value();
};

TEST_F(GcpKms, AServiceAccountSignsOnceForManyCalls) {
  auto provider = open_with_account();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(round_trip(*provider).to_string(), Status().to_string());
  EXPECT_EQ(count("POST /token"), 1);
}

TEST_F(GcpKms, ATokenThatIsRefusedIsRenewedOnce) {
  auto provider = open_with_account();
  EXPECT_TRUE(round_trip(*provider).is_ok());
  server_.operate(R"({"action":"revoke_tokens"})");
  EXPECT_TRUE(round_trip(*provider).is_ok());
  EXPECT_EQ(count("POST /token"), 2);
  server_.fault(R"({"kind":"status","status":401,"count":2,"body":"{}"})");
  EXPECT_FALSE(provider->current().is_ok()) << "not for ever";
}

TEST_F(GcpKms, CredentialsAreFoundWhereGooglesLibrariesFindThem) {
  const std::string user = server_.file("user", server_.operate(R"({"action":"add_user"})"));
  EXPECT_TRUE(round_trip(*open("&credentials_file=" + user)).is_ok()) << "a user's refresh token";
  const Variable home("HOME", server_.file("x", "") + ".nowhere");
  {
    const Variable file("GOOGLE_APPLICATION_CREDENTIALS", account("env@p.iam"));
    auto provider = open("");
    EXPECT_TRUE(round_trip(*provider).is_ok());
    EXPECT_THAT(provider->uri(), Not(HasSubstr("credentials")));
  }
  const Variable file("GOOGLE_APPLICATION_CREDENTIALS", "");
  const Variable host("GCE_METADATA_HOST", server_.host());
  EXPECT_TRUE(round_trip(*open("")).is_ok()) << "the machine's";
  EXPECT_EQ(count("GET /computeMetadata/v1/instance/service-accounts/default/token"), 1);
}

TEST_F(GcpKms, WithoutAnyCredentialsTheErrorSaysWhereToPutThem) {
  const Variable home("HOME", ""), file("GOOGLE_APPLICATION_CREDENTIALS", "");
  const Variable host("GCE_METADATA_HOST", "127.0.0.1:1");
  const Status status = open("")->current().status();
  EXPECT_EQ(status.code(), Code::kProviderUnavailable);
  EXPECT_THAT(message(status), AllOf(HasSubstr("credentials_file"), HasSubstr("GOOGLE_APPLICATION_CREDENTIALS")));
}

TEST_F(GcpKms, ASignatureByAnotherKeyIsRefusedInGooglesWords) {
  const std::string right = server_.operate(R"({"action":"add_account","email":"a@p.iam"})");
  server_.operate(R"({"action":"add_account","email":"a@p.iam"})");  // a new key for the same account
  const Status status = current_with(right);
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_THAT(message(status), AllOf(HasSubstr("credentials file"), HasSubstr("Invalid JWT Signature")));
}

TEST_F(GcpKms, CredentialsFilesThatAreNoneAreRefusedByName) {
  for (const std::string text : {"", "{", "[]", "{}", R"({"type":"external_account"})", R"({"type":"service_account"})",
                                 R"({"type":"service_account","client_email":"a","private_key":"none"})",
                                 R"({"type":"authorized_user","client_id":"a"})"}) {
    const Status status = current_with(text);
    EXPECT_THAT(status.code(), testing::AnyOf(Code::kInvalidArgument, Code::kUnsupported)) << text;
    EXPECT_THAT(message(status), HasSubstr("credentials file")) << text;
  }
  const std::string open_to_all = account();
  ASSERT_EQ(::chmod(open_to_all.c_str(), 0644), 0);
  EXPECT_EQ(open("&credentials_file=" + open_to_all)->current().code(), Code::kPermissionDenied);
}

TEST_F(GcpKms, AVersionStaysTheSlotsUntilItIsRotated) {
  auto provider = open_with_account();
  const RootKeyHandle first = provider->current().value();
  const WrappedKeyringKey wrapped = provider->wrap(first, context_, key_).value();
  act("rotate");
  const RootKeyHandle second = provider->current().value();
  EXPECT_NE(first, second);
  EXPECT_THAT(provider->describe(second), HasSubstr(kKey + "/cryptoKeyVersions/2"));
  EXPECT_TRUE(unwraps(*provider, first, wrapped).is_ok());
  EXPECT_EQ(unwraps(*provider, second, wrapped).code(), Code::kWrongKey) << "the version is bound";
  const WrappedKeyringKey later = provider->wrap(first, context_, key_).value();
  act("set_state", R"(,"version":"2","state":"DESTROYED")");
  EXPECT_TRUE(unwraps(*provider, first, later).is_ok()) << "wrapped under the first, as asked";
}

TEST_F(GcpKms, ADisabledVersionIsUnavailableUntilItIsEnabled) {
  auto provider = open_with_account();
  const RootKeyHandle handle = provider->current().value();
  const WrappedKeyringKey wrapped = provider->wrap(handle, context_, key_).value();
  act("set_state", R"(,"version":"1","state":"DISABLED")");
  const Status status = unwraps(*provider, handle, wrapped);
  EXPECT_EQ(status.code(), Code::kKeyUnavailable);
  EXPECT_THAT(message(status), AllOf(HasSubstr("DISABLED"), HasSubstr("cryptoKeyVersions/1"), HasSubstr("enabled")));
  EXPECT_EQ(provider->current().code(), Code::kKeyUnavailable);
  act("set_state", R"(,"version":"1","state":"ENABLED")");
  EXPECT_TRUE(unwraps(*provider, handle, wrapped).is_ok());
}

TEST_F(GcpKms, AKeyOfAnotherNameIsTheWrongOne) {
  auto provider = open_with_account();
  RootKeyHandle handle = provider->current().value();
  const WrappedKeyringKey wrapped = provider->wrap(handle, context_, key_).value();
  handle.bytes[handle.bytes.size() - std::string("k/cryptoKeyVersions/1").size()] = 'j';
  const Status status = unwraps(*provider, handle, wrapped);
  EXPECT_EQ(status.code(), Code::kWrongKey);
  EXPECT_THAT(message(status), AllOf(HasSubstr("cryptoKeys/k"), HasSubstr("cryptoKeys/j")));
}

TEST_F(GcpKms, WhatIsAlteredOnTheWayIsAskedForAgainAndNeverUsed) {
  auto provider = open_with_account();
  for (const std::string what : {"answer", "request"}) {
    set(R"("altered":{")" + what + R"(":1})");
    EXPECT_EQ(round_trip(*provider).to_string(), Status().to_string()) << what;
    set(R"("altered":{")" + what + R"(":1000})");
    const Status status = provider->current().status();
    EXPECT_EQ(status.code(), Code::kTampered) << what;
    EXPECT_THAT(message(status), HasSubstr("CRC-32C"));
    set(R"("altered":{})");
  }
  const RootKeyHandle handle = provider->current().value();
  const WrappedKeyringKey wrapped = provider->wrap(handle, context_, key_).value();
  set(R"("altered":{"answer":1000})");
  EXPECT_EQ(unwraps(*provider, handle, wrapped).code(), Code::kTampered);
}

TEST_F(GcpKms, BadMomentsPassAndBadDaysAreNamed) {
  auto provider = open_with_account();
  ASSERT_TRUE(round_trip(*provider).is_ok());
  const std::string throttled = R"({"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED"}})";
  const std::string body = "\"body\":\"" + [&] {
    std::string out;
    for (char c : throttled) out += (c == '"' ? std::string("\\\"") : std::string(1, c));
    return out;
  }() + "\"";
  for (const std::string& fault :
       {std::string(R"({"kind":"status","status":503})"), std::string(R"({"kind":"cut"})"),
        std::string(R"({"kind":"close"})"), R"({"kind":"status","status":429,)" + body + "}"}) {
    server_.fault(fault);
    EXPECT_EQ(round_trip(*provider).to_string(), Status().to_string()) << fault;
  }
  server_.fault(R"({"kind":"status","status":429,"count":100,)" + body + "}");
  const Status status = provider->current().status();
  EXPECT_EQ(status.code(), Code::kProviderUnavailable);
  EXPECT_THAT(message(status), AllOf(HasSubstr("429"), HasSubstr("Quota exceeded")));
}

TEST_F(GcpKms, AnswersThatAreNotGooglesAreNotTakenForThem) {
  auto provider = open_with_account();
  ASSERT_TRUE(round_trip(*provider).is_ok());
  server_.fault(R"({"kind":"status","status":404,"body":"<html>no such page</html>"})");
  EXPECT_EQ(provider->current().code(), Code::kProviderUnavailable)
      << "a proxy's 404 does not mean that there is no key";
  server_.fault(R"({"kind":"status","status":200,"body":"[]","count":100})");
  EXPECT_EQ(provider->current().code(), Code::kTampered);
}

TEST_F(GcpKms, AnAnswerWithoutEndIsCutOff) {
  auto provider = open_with_account();
  ASSERT_TRUE(round_trip(*provider).is_ok());
  server_.fault(R"({"kind":"oversized"})");
  EXPECT_EQ(provider->current().code(), Code::kTampered);
}

TEST(GcpKmsUri, NamesAKeyAndItsService) {
  for (const std::string& uri : std::vector<std::string>{
           "gcp-kms:", "gcp-kms://projects", "gcp-kms://" + kKey + "/x", "gcp-kms:/" + kKey,
           "gcp-kms://" + kKey + "?x=1", "gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/",
           "gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/a%3fb",
           "gcp-kms://projects/../locations/l/keyRings/r/cryptoKeys/k", "gcp-kms://" + kKey + "?endpoint=kms"}) {
    EXPECT_EQ(open_provider(uri).code(), Code::kInvalidArgument) << uri;
  }
  EXPECT_EQ(open_provider("gcp-kms://" + kKey)->get()->uri(), "gcp-kms://" + kKey);
  EXPECT_TRUE(
      open_provider("gcp-kms://" + kKey + "?endpoint=https://cloudkms.me-central2.rep.googleapis.com/").is_ok());
  const std::string elsewhere = "gcp-kms://" + kKey + "?endpoint=https://kms.corp.example";
  EXPECT_TRUE(open_provider(elsewhere).is_ok()) << "whoever writes the URI says whom to trust";
  const ProviderConfig config = configured(
      "key_providers:\n  ours:\n    uri: gcp-kms://projects/p/locations/global/keyRings/r/"
      "cryptoKeys\n    endpoint: https://kms.corp.example\n");
  EXPECT_EQ(open_provider("provider:ours/k", config)->get()->describe(), "Google Cloud KMS key " + kKey);
}

}  // namespace
}  // namespace coffer
