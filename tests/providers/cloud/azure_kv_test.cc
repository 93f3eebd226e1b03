// Azure Key Vault: credentials, versions, permissions, challenges, and bad days. What every provider must do stands in
// ../contract_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/providers/registry.h"
#include "coffer/providers/root.h"
#include "providers/cloud/fake_server.h"
#include "providers/cloud/raw_server.h"
#include "providers/cloud/variable.h"
#include "support/configured.h"

namespace coffer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kTenant = "11111111-2222-3333-4444-555555555555";
const std::string kToken = "POST /" + kTenant + "/oauth2/v2.0/token";

class AzureKv : public testing::Test {
 protected:
  void SetUp() override {
    act("make_key");
    add_application(R"("client":"db","secret":"right")");
  }

  std::string act(const std::string& action, const std::string& more = "") {
    return server_.operate("{\"action\":\"" + action + "\",\"name\":\"root\"" + more + "}");
  }
  std::string add_application(const std::string& members) {
    return server_.operate("{\"action\":\"add_application\"," + members + "}");
  }
  std::string uri(const std::string& options, const std::string& path = "/keys/root") {
    return "azure-kv://" + server_.host() + path + "?authority=https://" + server_.host() + "&tenant=" + kTenant +
           "&timeout_millis=6000&ca_file=" + kmip::certificates() + "/ca.pem" + options;
  }
  std::unique_ptr<RootKeyProvider> open(const std::string& options, const std::string& path = "/keys/root") {
    auto provider = open_provider(uri(options, path));
    if (!provider.is_ok()) throw std::runtime_error(provider.status().to_string());
    return std::move(provider).value();
  }
  std::unique_ptr<RootKeyProvider> open_with_secret(const std::string& path = "/keys/root") {
    return open("&client=db&secret_file=" + server_.file("secret", "right\n"), path);
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

  // What this machine may have set must not decide.
  const Variable no_secret_{"AZURE_CLIENT_SECRET", ""}, no_tenant_{"AZURE_TENANT_ID", ""},
      no_client_{"AZURE_CLIENT_ID", ""}, no_certificate_{"AZURE_CLIENT_CERTIFICATE_PATH", ""},
      no_token_{"AZURE_FEDERATED_TOKEN_FILE", ""};
  FakeServer server_{"fake_azure_kv.py", {}, /*tls=*/true};
  const WrapContext context_{random_id().value(), random_id().value()};
  const KeyringKey key_ = random_key<KeyringRole>(32).value();
};

TEST_F(AzureKv, OneTokenIsEnoughForManyCalls) {
  auto provider = open_with_secret();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(round_trip(*provider).to_string(), Status().to_string());
  EXPECT_EQ(count(kToken), 1);
  EXPECT_EQ(count("GET /keys/root"), 3);
  EXPECT_THAT(provider->uri(), AllOf(HasSubstr("client=db"), HasSubstr("secret_file="), Not(HasSubstr("right"))));
}

TEST_F(AzureKv, ATokenThatIsRefusedIsRenewedOnce) {
  auto provider = open_with_secret();
  EXPECT_TRUE(round_trip(*provider).is_ok());
  server_.operate(R"({"action":"revoke_tokens"})");
  EXPECT_TRUE(round_trip(*provider).is_ok());
  EXPECT_EQ(count(kToken), 2);
}

TEST_F(AzureKv, SecretsComeFromTheEnvironmentToo) {
  const Variable client("AZURE_CLIENT_ID", "db"), secret("AZURE_CLIENT_SECRET", "right");
  auto provider = open("");
  EXPECT_EQ(round_trip(*provider).to_string(), Status().to_string());
  EXPECT_THAT(provider->uri(), Not(HasSubstr("right")));
  const Variable ours("OUR_SECRET", "right"), theirs("AZURE_CLIENT_SECRET", "wrong");
  EXPECT_TRUE(round_trip(*open("&secret_env=OUR_SECRET")).is_ok()) << "what the URI names goes first";
}

TEST_F(AzureKv, AWrongSecretIsRefusedInMicrosoftsWords) {
  const Status status = open("&client=db&secret_file=" + server_.file("secret", "guessed"))->current().status();
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_THAT(message(status),
              AllOf(HasSubstr("client_secret"), HasSubstr("AADSTS7000215"), Not(HasSubstr("guessed"))));
}

TEST_F(AzureKv, TheTenantIsTheOneThatIsNamed) {
  std::string elsewhere = uri("&client=db&secret_file=" + server_.file("secret", "right"));
  elsewhere.replace(elsewhere.find(kTenant), kTenant.size(), "elsewhere");
  const Status status = open_provider(elsewhere).value()->current().status();
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_THAT(message(status), HasSubstr("Tenant 'elsewhere' not found"));
  EXPECT_THAT(message(open("&secret_file=" + server_.file("secret", "right"))->current().status()),
              HasSubstr("AZURE_CLIENT_ID"));
}

TEST_F(AzureKv, CertificatesSign) {
  const auto made = nlohmann::json::parse(add_application(R"("client":"signer","certificate":true)"));
  const std::string file = server_.file("signer.pem", made.at("pem").get<std::string>());
  EXPECT_EQ(round_trip(*open("&client=signer&certificate_file=" + file)).to_string(), Status().to_string());
  const auto other = nlohmann::json::parse(add_application(R"("client":"other","certificate":true)"));
  const Status status = open("&client=other&certificate_file=" + file)->current().status();
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  const std::string none = server_.file("none.pem", "no PEM");
  EXPECT_EQ(open("&client=signer&certificate_file=" + none)->current().code(), Code::kInvalidArgument);
}

TEST_F(AzureKv, AWorkloadsTokenIsReadAnew) {
  add_application(R"("client":"pod","federated":"a.b.c")");
  const std::string file = server_.file("token", "x.y.z");
  const Variable named("AZURE_FEDERATED_TOKEN_FILE", file), client("AZURE_CLIENT_ID", "pod");
  auto provider = open("");
  EXPECT_EQ(provider->current().code(), Code::kPermissionDenied);
  server_.file("token", "a.b.c\n");
  ASSERT_EQ(::chmod(file.c_str(), 0644), 0) << "as Kubernetes has it";
  EXPECT_EQ(round_trip(*provider).to_string(), Status().to_string());
}

TEST_F(AzureKv, TheMachinesIdentityIsUsedWhenNothingElseIsSetUp) {
  {
    const Variable host("AZURE_POD_IDENTITY_AUTHORITY_HOST", "https://" + server_.host());
    EXPECT_EQ(round_trip(*open("")).to_string(), Status().to_string());
    EXPECT_EQ(round_trip(*open("&client=machine&auth=managed_identity")).to_string(), Status().to_string());
    EXPECT_THAT(message(open("&client=another")->current().status()), HasSubstr("Identity not found"));
  }
  server_.operate(R"({"action":"set","identity":{"client":"machine","header":"of the service"}})");
  const Variable endpoint("IDENTITY_ENDPOINT", "https://" + server_.host() + "/msi/token");
  const Variable header("IDENTITY_HEADER", "of the service");
  EXPECT_EQ(round_trip(*open("")).to_string(), Status().to_string());
  EXPECT_EQ(count("GET /msi/token"), 1);
}

// The identity's service says 404 or 410 while it starts; a vault that says so has no such key.
TEST_F(AzureKv, NotFoundPassesAtTheMachinesIdentityAndStaysAtTheVault) {
  const Variable host("AZURE_POD_IDENTITY_AUTHORITY_HOST", "https://" + server_.host());
  for (const std::string status : {"404", "410"}) {
    server_.fault(R"({"kind":"status","count":2,"status":)" + status + "}");
    EXPECT_EQ(round_trip(*open("")).to_string(), Status().to_string()) << status;
  }
  EXPECT_EQ(count("GET /metadata/identity/oauth2/token"), 2 * 3);
  EXPECT_EQ(open("", "/keys/none")->current().code(), Code::kNotFound);
  EXPECT_EQ(count("GET /keys/none"), 1);
}

TEST_F(AzureKv, ARedirectionTakesNoCredentialsToAnotherHost) {
  RawServer elsewhere({{http_answer(200, "{}")}});
  for (const int status : {301, 302, 303, 307, 308}) {
    const std::string fault = R"({"kind":"status","status":)" + std::to_string(status) + R"(,"headers":{"Location":")" +
                              elsewhere.url() + R"("}})";
    auto provider = open_with_secret();
    server_.fault(fault);
    EXPECT_FALSE(provider->current().is_ok()) << status << " of the authority";
    EXPECT_EQ(round_trip(*provider).to_string(), Status().to_string()) << "the next one is no redirection";
    server_.fault(fault);
    EXPECT_FALSE(provider->current().is_ok()) << status << " of the vault";
  }
  EXPECT_TRUE(elsewhere.requests().empty());
}

TEST_F(AzureKv, AVersionStaysTheSlotsUntilItIsRotated) {
  auto provider = open_with_secret();
  const RootKeyHandle first = provider->current().value();
  const WrappedKeyringKey wrapped = provider->wrap(first, context_, key_).value();
  act("make_key");
  const RootKeyHandle second = provider->current().value();
  EXPECT_NE(first, second);
  EXPECT_TRUE(unwraps(*provider, first, wrapped).is_ok());
  EXPECT_EQ(unwraps(*provider, second, wrapped).code(), Code::kWrongKey);
  const std::string kid = provider->describe(first);
  auto pinned = open_with_secret("/keys/root/" + kid.substr(kid.rfind('/') + 1));
  EXPECT_EQ(pinned->current().value(), first) << "a URI may name a version";
}

TEST_F(AzureKv, AKeyMovedToAnotherVaultKeepsItsNameAndOpens) {
  auto provider = open_with_secret();
  const RootKeyHandle handle = provider->current().value();
  const WrappedKeyringKey wrapped = provider->wrap(handle, context_, key_).value();
  KeyFields fields = decode_handle("azure-kv", handle).value();
  fields[1].replace(0, fields[1].find("/keys/"), "https://old.vault.azure.net");
  EXPECT_TRUE(unwraps(*provider, encode_handle("azure-kv", fields).value(), wrapped).is_ok());
  fields[1].replace(fields[1].find("root"), 4, "boot");
  EXPECT_EQ(unwraps(*provider, encode_handle("azure-kv", fields).value(), wrapped).code(), Code::kWrongKey)
      << "another name is another key";
}

TEST_F(AzureKv, AKeyOutOfUseSaysWhy) {
  auto provider = open_with_secret();
  const RootKeyHandle handle = provider->current().value();
  const WrappedKeyringKey wrapped = provider->wrap(handle, context_, key_).value();
  act("set_attributes", R"(,"enabled":false)");
  const Status disabled = unwraps(*provider, handle, wrapped);
  EXPECT_EQ(disabled.code(), Code::kKeyUnavailable);
  EXPECT_THAT(message(disabled), AllOf(HasSubstr("disabled key"), HasSubstr(provider->describe(handle))));
  EXPECT_EQ(provider->current().code(), Code::kKeyUnavailable);
  act("set_attributes", R"(,"enabled":true,"nbf":4000000000)");
  EXPECT_EQ(provider->wrap(handle, context_, key_).code(), Code::kKeyUnavailable);
  EXPECT_TRUE(unwraps(*provider, handle, wrapped).is_ok());
}

TEST_F(AzureKv, WhoMayNotIsToldSo) {
  add_application(R"("client":"reader","secret":"s","permissions":["get"])");
  auto provider = open("&client=reader&secret_file=" + server_.file("reader", "s"));
  const RootKeyHandle handle = provider->current().value();
  const Status status = provider->wrap(handle, context_, key_).status();
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_THAT(message(status), HasSubstr("does not have keys wrapKey permission"));
}

TEST_F(AzureKv, KeysThatCannotWrapAreRefused) {
  server_.operate(R"({"action":"make_key","name":"curve","kty":"EC"})");
  const Status status = open_with_secret("/keys/curve")->current().status();
  EXPECT_EQ(status.code(), Code::kUnsupported);
  EXPECT_THAT(message(status), AllOf(HasSubstr("EC"), HasSubstr("RSA")));
}

TEST_F(AzureKv, WhatAVaultAnswersChoosesNeitherWhoIsAskedNorForWhat) {
  server_.operate(R"({"action":"set","resource":"https://management.azure.com"})");
  auto provider = open_with_secret();
  EXPECT_EQ(round_trip(*provider).to_string(), Status().to_string()) << "nobody looks at what it says";
  EXPECT_EQ(count(kToken), 1);
  EXPECT_EQ(open("&resource=https://managedhsm.azure.net&client=db&secret_file=" + server_.file("secret", "right"))
                ->current()
                .code(),
            Code::kPermissionDenied)
      << "the fake is a vault, not a managed HSM";
  const Status status =
      open_provider("azure-kv://" + server_.host() + "/keys/root?client=db&authority=https://" + server_.host() +
                    "&ca_file=" + kmip::certificates() + "/ca.pem&secret_file=" + server_.file("secret", "right"))
          .value()
          ->current()
          .status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(message(status), HasSubstr("AZURE_TENANT_ID"));
}

TEST_F(AzureKv, BadMomentsPassAndBadDaysAreNamed) {
  auto provider = open_with_secret();
  ASSERT_TRUE(round_trip(*provider).is_ok());
  for (const std::string fault : {R"({"kind":"status","status":503})", R"({"kind":"cut"})", R"({"kind":"close"})",
                                  R"({"kind":"status","status":429,"headers":{"Retry-After":"1"}})"}) {
    server_.fault(fault);
    EXPECT_EQ(round_trip(*provider).to_string(), Status().to_string()) << fault;
  }
  server_.fault(R"({"kind":"status","status":429,"count":100})");
  const Status status = provider->current().status();
  EXPECT_EQ(status.code(), Code::kProviderUnavailable);
  EXPECT_THAT(message(status), AllOf(HasSubstr("429"), HasSubstr(server_.host())));
}

TEST_F(AzureKv, AnswersThatAreNotAVaultsAreNotTakenForThem) {
  auto provider = open_with_secret();
  ASSERT_TRUE(round_trip(*provider).is_ok());
  const RootKeyHandle handle = provider->current().value();
  for (const std::string body : {"", "[]", "{", R"({\"value\":\"AAAA\"})", R"({\"kid\":\"x\",\"value\":\"!\"})",
                                 R"({\"kid\":\"https://a.vault.azure.net/keys/other/1\",\"value\":\"AAAA\"})"}) {
    server_.fault(R"({"kind":"status","status":200,"body":")" + body + "\"}");
    EXPECT_EQ(provider->wrap(handle, context_, key_).code(), Code::kTampered) << body;
  }
  server_.fault(R"({"kind":"status","status":404,"body":"<html>no such page</html>"})");
  EXPECT_EQ(provider->current().code(), Code::kProviderUnavailable)
      << "a proxy's 404 does not mean that there is no key";
}

TEST(AzureKvUri, NamesAKeyAndItsVault) {
  const std::string vault = "azure-kv://v.vault.azure.net";
  for (const std::string& uri :
       {std::string("azure-kv:"), vault, vault + "/keys", vault + "/keys/", vault + "/keys/a_b", vault + "/keys/a/b/c",
        vault + "/secrets/a", vault + "/keys/a/..", std::string("azure-kv:///keys/a"), vault + "/keys/a?x=1",
        vault + "/keys/a?auth=guess", vault + "/keys/a?resource=vault.azure.net",
        vault + "/keys/a?secret_file=/a&secret_env=B"}) {
    EXPECT_EQ(open_provider(uri).code(), Code::kInvalidArgument) << uri;
  }
  EXPECT_EQ(open_provider(vault + "/keys/a?tenant=t&client=c&auth=managed_identity")->get()->uri(),
            vault + "/keys/a?auth=managed_identity&tenant=t&client=c");
  for (const std::string host : {"h.managedhsm.azure.net", "v.vault.azure.cn", "v.vault.usgovcloudapi.net"}) {
    EXPECT_TRUE(open_provider("azure-kv://" + host + "/keys/a").is_ok()) << host;
  }
  const ProviderConfig config = configured(
      "key_providers:\n  ours:\n    uri: azure-kv://kv.corp.example/keys\n    authority: "
      "https://login.corp.example\n");
  EXPECT_TRUE(open_provider("azure-kv://kv.corp.example/keys/a").is_ok())
      << "whoever writes the URI says whom to trust";
  EXPECT_TRUE(open_provider("provider:ours/a", config).is_ok());
  EXPECT_EQ(open_provider(vault + "/keys/a?allow_http=true").code(), Code::kInvalidArgument)
      << "Microsoft has no vault without TLS";
}

}  // namespace
}  // namespace coffer
