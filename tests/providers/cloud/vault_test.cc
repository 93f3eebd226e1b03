// Vault: logins, versions, kinds of keys, and bad days. What every provider must do stands in ../contract_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/providers/registry.h"
#include "providers/cloud/fake_server.h"
#include "providers/cloud/raw_server.h"

namespace coffer {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

class Vault : public testing::Test {
 protected:
  void SetUp() override {
    context_.coffer_id = random_id().value();
    context_.slot_id = random_id().value();
    key_ = random_key<KeyringRole>(32).value();
  }

  void make_key(const std::string& more = "") { server_.operate(R"({"action":"make_key","name":"root")" + more + "}"); }
  std::unique_ptr<RootKeyProvider> open(const std::string& options, const std::string& path = "/transit/root") {
    auto provider = open_provider("vault://" + server_.host() + path + "?tls=false&timeout_millis=4000" + options);
    if (!provider.is_ok()) throw std::runtime_error(provider.status().to_string());
    return std::move(provider).value();
  }
  std::unique_ptr<RootKeyProvider> open_with_token(const std::string& token = "root", const std::string& more = "") {
    return open("&token_file=" + server_.file("token", token) + more);
  }
  Result<KeyringKey> unwrap(RootKeyProvider& provider, const RootKeyHandle& handle, const WrappedKeyringKey& wrapped) {
    auto key = provider.unwrap(handle, context_, wrapped);
    if (key.is_ok() && !equal_constant_time(key->reveal(), key_.reveal())) {
      return {Code::kInternal, "another key came back"};
    }
    return key;
  }
  Status round_trip(RootKeyProvider& provider) {
    COFFER_ASSIGN(const RootKeyHandle handle, provider.current());
    COFFER_ASSIGN(const WrappedKeyringKey wrapped, provider.wrap(handle, context_, key_));
    return unwrap(provider, handle, wrapped).status();
  }
  std::string message(const Status& status) { return std::string(status.message()); }
  int count(const std::string& request) {
    const auto requests = server_.requests();
    return static_cast<int>(std::count(requests.begin(), requests.end(), request));
  }

  FakeServer server_{"fake_vault.py"};
  WrapContext context_;
  KeyringKey key_;
};

TEST_F(Vault, AWeakKeyWrapsOnlyIfThatIsMeant) {
  make_key(R"(,"type":"aes128-gcm96")");
  const Status refused = round_trip(*open_with_token());
  EXPECT_EQ(refused.code(), Code::kInvalidArgument);
  EXPECT_THAT(message(refused), AllOf(HasSubstr("128 bits"), HasSubstr("allow_weak_root=true")));
  EXPECT_EQ(round_trip(*open_with_token("root", "&allow_weak_root=true")).to_string(), Status().to_string());
}

TEST_F(Vault, AppRoleLogsInOnceForManyCalls) {
  make_key();
  server_.operate(R"({"action":"set","roles":{"my-role":"my-secret"}})");
  auto provider = open("&auth=approle&role_id=my-role&secret_id_file=" + server_.file("secret", "my-secret\n"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(round_trip(*provider).to_string(), Status().to_string());
  EXPECT_EQ(count("POST /v1/auth/approle/login"), 1);
  EXPECT_THAT(provider->uri(),
              AllOf(HasSubstr("auth=approle"), HasSubstr("role_id=my-role"), Not(HasSubstr("my-secret"))));
}

TEST_F(Vault, AWrongSecretIdIsSaidWithItsRole) {
  server_.operate(R"({"action":"set","roles":{"my-role":"my-secret"}})");
  auto provider = open("&auth=approle&role_id=my-role&secret_id_file=" + server_.file("secret", "guessed"));
  const Status status = provider->current().status();
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_THAT(message(status), AllOf(HasSubstr("my-role"), HasSubstr("secret id"), Not(HasSubstr("guessed"))));
}

TEST_F(Vault, KubernetesLogsInWithTheServiceAccountsToken) {
  make_key();
  server_.operate(R"({"action":"set","jwts":{"db":"a.b.c"}})");
  auto provider = open("&auth=kubernetes&role=db&jwt_file=" + server_.file("jwt", "a.b.c\n"));
  EXPECT_TRUE(round_trip(*provider).is_ok());
  EXPECT_EQ(count("POST /v1/auth/kubernetes/login"), 1);
  auto other = open("&auth=kubernetes&role=db&jwt_file=" + server_.file("other", "x.y.z"));
  EXPECT_EQ(other->current().code(), Code::kPermissionDenied);
  auto missing = open("&auth=kubernetes&role=db&jwt_file=/nowhere/token");
  EXPECT_THAT(message(missing->current().status()), HasSubstr("/nowhere/token"));
}

TEST_F(Vault, ALoginThatWasRevokedIsRepeated) {
  make_key();
  server_.operate(R"({"action":"set","roles":{"r":"s"}})");
  auto provider = open("&auth=approle&role_id=r&secret_id_file=" + server_.file("secret", "s"));
  EXPECT_TRUE(round_trip(*provider).is_ok());
  server_.operate(R"({"action":"revoke_tokens"})");
  EXPECT_TRUE(round_trip(*provider).is_ok());
  EXPECT_EQ(count("POST /v1/auth/approle/login"), 2);
}

TEST_F(Vault, ATokenThatHasExpiredIsObtainedAnewAndOneThatIsOldRenewed) {
  make_key();
  server_.operate(R"({"action":"set","roles":{"r":"s"},"login_ttl":1})");
  auto provider = open("&auth=approle&role_id=r&secret_id_file=" + server_.file("secret", "s"));
  EXPECT_TRUE(round_trip(*provider).is_ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(600));  // past half of its life
  EXPECT_TRUE(round_trip(*provider).is_ok());
  EXPECT_GE(count("POST /v1/auth/token/renew-self"), 1);
  EXPECT_GE(count("POST /v1/auth/approle/login"), 2) << "renewing gained too little";
}

TEST_F(Vault, AGivenTokenIsRenewedBeforeItExpires) {
  make_key();
  server_.operate(R"({"action":"add_token","token":"mine","ttl":2,"renewable":true})");
  auto provider = open_with_token("mine");
  EXPECT_TRUE(provider->current().is_ok());
  server_.operate(R"({"action":"add_token","token":"mine","ttl":3600,"renewable":true})");
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  EXPECT_TRUE(provider->current().is_ok());
  EXPECT_EQ(count("POST /v1/auth/token/renew-self"), 1);
  EXPECT_TRUE(provider->current().is_ok());
  EXPECT_EQ(count("POST /v1/auth/token/renew-self"), 1) << "it lives for an hour now";
}

TEST_F(Vault, ATokenFileIsReadAnewWhenItsTokenIsRefused) {
  make_key();
  server_.operate(R"({"action":"add_token","token":"first"})");
  auto provider = open_with_token("first");
  EXPECT_TRUE(round_trip(*provider).is_ok());
  server_.operate(R"({"action":"revoke_tokens"})");
  const Status refused = provider->current().status();
  EXPECT_EQ(refused.code(), Code::kPermissionDenied);
  EXPECT_THAT(message(refused), AllOf(HasSubstr("/token"), Not(HasSubstr("first"))));
  server_.operate(R"({"action":"add_token","token":"second"})");
  server_.file("token", "second");
  EXPECT_TRUE(round_trip(*provider).is_ok());
}

TEST_F(Vault, TheTokenIsFoundWhereVaultsToolsLook) {
  make_key();
  const std::string file = server_.file(".vault-token", "root");
  const std::string old_home = getenv("HOME") == nullptr ? "" : getenv("HOME");
  setenv("HOME", file.substr(0, file.rfind('/')).c_str(), 1);
  unsetenv("VAULT_TOKEN");
  EXPECT_TRUE(open("")->current().is_ok());
  setenv("VAULT_TOKEN", "guessed", 1);
  const Status status = open("")->current().status();
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_THAT(message(status), AllOf(HasSubstr("VAULT_TOKEN"), Not(HasSubstr("guessed"))));
  unsetenv("VAULT_TOKEN");
  setenv("HOME", "/nowhere", 1);
  EXPECT_EQ(open("")->current().code(), Code::kPermissionDenied);
  setenv("HOME", old_home.c_str(), 1);
}

TEST_F(Vault, AddressAndNamespaceComeFromTheEnvironmentWhereTheUriHasNone) {
  make_key();
  setenv("VAULT_ADDR", ("http://" + server_.host() + "/").c_str(), 1);
  auto provider = open_provider("vault:///transit/root?token_file=" + server_.file("token", "root"));
  ASSERT_TRUE(provider.is_ok()) << provider.status().to_string();
  unsetenv("VAULT_ADDR");
  EXPECT_TRUE((*provider)->current().is_ok());
  EXPECT_THAT((*provider)->uri(), HasSubstr("vault://" + server_.host() + "/transit/root?tls=false"));
  EXPECT_EQ(open_provider("vault:///transit/root").code(), Code::kInvalidArgument);
}

TEST_F(Vault, ARotatedKeyHasANewHandleAndTheOldOneStillOpens) {
  make_key();
  auto provider = open_with_token();
  const RootKeyHandle first = provider->current().value();
  const WrappedKeyringKey wrapped = provider->wrap(first, context_, key_).value();
  server_.operate(R"({"action":"rotate_key","name":"root"})");
  const RootKeyHandle second = provider->current().value();
  EXPECT_NE(second, first);
  EXPECT_THAT(provider->describe(second), HasSubstr("version 2 of Vault key transit/root"));
  EXPECT_TRUE(unwrap(*provider, first, wrapped).is_ok());
  auto again = provider->wrap(second, context_, key_);
  EXPECT_TRUE(unwrap(*provider, second, *again).is_ok());
  EXPECT_EQ(unwrap(*provider, first, *again).code(), Code::kWrongKey) << "the version is pinned";
  EXPECT_TRUE(unwrap(*provider, first, provider->wrap(first, context_, key_).value()).is_ok()) << "not the latest";
}

TEST_F(Vault, AVersionBelowTheMinimumIsUnavailable) {
  make_key();
  auto provider = open_with_token();
  const RootKeyHandle first = provider->current().value();
  const WrappedKeyringKey wrapped = provider->wrap(first, context_, key_).value();
  server_.operate(R"({"action":"rotate_key","name":"root"})");
  server_.operate(R"({"action":"configure_key","name":"root","min_decryption_version":2})");
  const Status status = unwrap(*provider, first, wrapped).status();
  EXPECT_EQ(status.code(), Code::kKeyUnavailable);
  EXPECT_THAT(message(status), HasSubstr("min_decryption_version"));
}

TEST_F(Vault, ATokenThatMayOnlyDecryptUnwrapsAndStillSaysWhatIsWrong) {
  make_key();
  server_.operate(R"({"action":"add_token","token":"reader","paths":["transit/decrypt/root"]})");
  auto whole = open_with_token();
  const RootKeyHandle handle = whole->current().value();
  WrappedKeyringKey wrapped = whole->wrap(handle, context_, key_).value();
  auto reader = open_with_token("reader");
  EXPECT_TRUE(unwrap(*reader, handle, wrapped).is_ok());
  EXPECT_EQ(reader->current().code(), Code::kPermissionDenied);
  wrapped.bytes.back() ^= 1;
  EXPECT_EQ(unwrap(*reader, handle, wrapped).code(), Code::kWrongKey);
  server_.operate(R"({"action":"remove_key","name":"root"})");
  EXPECT_EQ(unwrap(*reader, handle, wrapped).code(), Code::kKeyUnavailable);
}

TEST_F(Vault, DerivedKeysAreGivenTheirContext) {
  make_key(R"(,"derived":true)");
  auto provider = open_with_token();
  EXPECT_EQ(round_trip(*provider).to_string(), Status().to_string());
}

TEST_F(Vault, AServerThatKnowsNoAssociatedDataIsNotedSoThatAnUpgradeChangesNothing) {
  make_key();
  auto provider = open_with_token();
  const RootKeyHandle handle = provider->current().value();
  const WrappedKeyringKey bound = provider->wrap(handle, context_, key_).value();
  server_.operate(R"({"action":"set","binds_associated_data":false})");
  const WrappedKeyringKey unbound = provider->wrap(handle, context_, key_).value();
  EXPECT_TRUE(unwrap(*provider, handle, unbound).is_ok());
  WrapContext elsewhere = context_;
  elsewhere.slot_id = random_id().value();
  EXPECT_EQ(provider->unwrap(handle, elsewhere, unbound).code(), Code::kWrongKey) << "bound inside nevertheless";
  server_.operate(R"({"action":"set","binds_associated_data":true})");
  EXPECT_TRUE(unwrap(*provider, handle, unbound).is_ok());
  EXPECT_TRUE(unwrap(*provider, handle, bound).is_ok());
  EXPECT_NE(bound.bytes[0], unbound.bytes[0]);
}

TEST_F(Vault, AKeyOfAnotherTypeIsRefusedWithTheTypesThatDo) {
  make_key(R"(,"type":"rsa-2048")");
  const Status status = open_with_token()->current().status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(message(status), AllOf(HasSubstr("rsa-2048"), HasSubstr("aes256-gcm96")));
}

TEST_F(Vault, AMissingKeyIsSaidWithTheCommandThatMakesIt) {
  const Status status = open_with_token()->current().status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_THAT(message(status), HasSubstr("vault write -f transit/keys/root"));
}

TEST_F(Vault, SealedStandbyAndRedirectingServersAreUnavailableEachInItsWords) {
  make_key();
  const std::pair<int, std::string> kCases[] = {
      {503, "is sealed"}, {429, "standby"}, {472, "standby"}, {473, "standby"}, {307, "https://active.example:8200"}};
  auto provider = open_with_token();
  const RootKeyHandle handle = provider->current().value();
  const WrappedKeyringKey wrapped = provider->wrap(handle, context_, key_).value();
  for (const auto& [health, words] : kCases) {
    server_.operate(R"({"action":"set","health":)" + std::to_string(health) + "}");
    const Status status = unwrap(*provider, handle, wrapped).status();
    EXPECT_EQ(status.code(), Code::kProviderUnavailable) << health;
    EXPECT_THAT(message(status), AllOf(HasSubstr(words), HasSubstr(server_.host()))) << health;
  }
  server_.operate(R"({"action":"set","health":200})");
  EXPECT_TRUE(unwrap(*provider, handle, wrapped).is_ok());
}

// Redirected in whatever way, with a token and while logging in: the other host hears nothing.
TEST_F(Vault, ARedirectionTakesNoCredentialsToAnotherHost) {
  make_key();
  server_.operate(R"({"action":"set","jwts":{"db":"a.b.c"}})");
  RawServer elsewhere({{http_answer(200, R"({"auth":{"client_token":"x"},"data":{"keys":{"1":1}}})")}});
  const std::string login = "&auth=kubernetes&role=db&jwt_file=" + server_.file("jwt", "a.b.c");
  for (const int status : {301, 302, 303, 307, 308}) {
    const std::string fault = R"({"kind":"status","status":)" + std::to_string(status) + R"(,"headers":{"Location":")" +
                              elsewhere.url("/v1/transit/keys/root") + R"("}})";
    for (const auto& provider : {open_with_token(), open(login)}) {
      server_.fault(fault);
      EXPECT_FALSE(provider->current().is_ok()) << status;
      EXPECT_EQ(round_trip(*provider).to_string(), Status().to_string()) << "the next one is no redirection";
    }
  }
  EXPECT_TRUE(elsewhere.requests().empty());
}

TEST_F(Vault, AShortBadPatchIsSurvived) {
  make_key();
  auto provider = open_with_token();
  const RootKeyHandle handle = provider->current().value();
  const WrappedKeyringKey wrapped = provider->wrap(handle, context_, key_).value();
  for (const char* fault :
       {R"({"kind":"status","status":429,"count":2,"body":"{\"errors\":[\"too many requests\"]}"})",
        R"({"kind":"status","status":502,"count":2})", R"({"kind":"close","count":2})", R"({"kind":"cut","count":2})",
        R"({"kind":"garbage","count":2})", R"({"kind":"slow","seconds":0.3})"}) {
    server_.fault(fault);
    EXPECT_TRUE(unwrap(*provider, handle, wrapped).is_ok()) << fault;
  }
}

TEST_F(Vault, MalformedAnswersAreRefusedAndNeverTaken) {
  make_key();
  auto provider = open_with_token();
  const RootKeyHandle handle = provider->current().value();
  const WrappedKeyringKey wrapped = provider->wrap(handle, context_, key_).value();
  const std::string kBodies[] = {"",
                                 "{",
                                 "[]",
                                 "{}",
                                 R"({\"data\":null})",
                                 R"({\"data\":{\"plaintext\":7}})",
                                 R"({\"data\":{\"plaintext\":\"\"}})",
                                 R"({\"data\":{\"plaintext\":\"AAAA\"}})",
                                 R"({\"data\":{\"plaintext\":\"not base64!\"}})",
                                 R"({\"data\":{\"plaintext\":\")" + std::string(86, 'A') + R"(==\"}})",
                                 R"({\"data\":{\"plaintext\":\")" + std::string(90000, 'A') + R"(\"}})"};
  for (const std::string& body : kBodies) {
    server_.fault(R"({"kind":"status","status":200,"body":")" + body + "\"}");
    const Code code = unwrap(*provider, handle, wrapped).code();
    EXPECT_THAT(code, testing::AnyOf(Code::kTampered, Code::kWrongKey)) << body.substr(0, 60);
    server_.fault(R"({"kind":"status","status":200,"body":")" + body + "\"}");
    EXPECT_THAT(provider->current().code(), testing::AnyOf(Code::kTampered, Code::kInvalidArgument));
  }
  server_.fault(R"({"kind":"oversized"})");
  EXPECT_EQ(unwrap(*provider, handle, wrapped).code(), Code::kTampered);
  server_.fault(R"({"kind":"status","status":418})");
  EXPECT_EQ(unwrap(*provider, handle, wrapped).code(), Code::kProviderUnavailable);
  EXPECT_TRUE(unwrap(*provider, handle, wrapped).is_ok());
}

TEST_F(Vault, ACiphertextOfAnotherVersionIsNotTaken) {
  make_key();
  auto provider = open_with_token();
  const RootKeyHandle handle = provider->current().value();
  for (const char* text : {"vault:v2:AAAA", "vault:v1:", "vault:v1:AA", "v1:AAAA", ""}) {
    // The first answer of wrap() shows the key, the second one has the ciphertext.
    server_.fault(R"({"kind":"slow","seconds":0})");
    server_.fault(R"({"kind":"status","status":200,"body":"{\"data\":{\"ciphertext\":\")" + std::string(text) +
                  R"(\"}}"})");
    EXPECT_EQ(provider->wrap(handle, context_, key_).code(), Code::kTampered) << text;
  }
}

TEST_F(Vault, TheNamespaceIsSent) {
  FakeServer elsewhere("fake_vault.py", {"--namespace", "team/db"});
  elsewhere.operate(R"({"action":"make_key","name":"root"})");
  const std::string uri =
      "vault://" + elsewhere.host() + "/transit/root?tls=false&token_file=" + elsewhere.file("token", "root");
  EXPECT_EQ((*open_provider(uri))->current().code(), Code::kNotFound);
  auto right = open_provider(uri + "&namespace=/team/db/");
  EXPECT_TRUE((*right)->current().is_ok());
  EXPECT_THAT((*right)->uri(), HasSubstr("namespace=team"));
}

TEST_F(Vault, TlsIsTheRuleAndTheCertificateMustBeTrusted) {
  FakeServer tls("fake_vault.py", {}, /*tls=*/true);
  tls.operate(R"({"action":"make_key","name":"root"})");
  const std::string uri = "vault://" + tls.host() + "/transit/root?token_file=" + tls.file("token", "root");
  auto trusted = open_provider(uri + "&ca_file=" + kmip::certificates() + "/ca.pem");
  EXPECT_EQ(round_trip(**trusted).to_string(), Status().to_string());
  for (const std::string& other : {std::string(), "&ca_file=" + kmip::certificates() + "/stranger_ca.pem"}) {
    const Status status = (*open_provider(uri + other))->current().status();
    EXPECT_EQ(status.code(), Code::kProviderUnavailable);
    EXPECT_THAT(message(status), AllOf(HasSubstr("not trusted"), HasSubstr("ca_file")));
  }
  auto plain = open_provider(uri + "&tls=false");
  EXPECT_EQ((*plain)->current().code(), Code::kProviderUnavailable);
}

TEST_F(Vault, AClientCertificateIsPresentedWhereOneIsAskedFor) {
  const std::string& certificates = kmip::certificates();
  FakeServer tls("fake_vault.py", {"--client-ca", certificates + "/ca.pem", "--tls-cert", certificates + "/server.pem",
                                   "--tls-key", certificates + "/server.key"});
  const std::string uri = "vault://" + tls.host() + "/transit/root?timeout_millis=3000&ca_file=" + certificates +
                          "/ca.pem&token_file=" + tls.file("token", "root");
  const std::string own =
      "&client_cert_file=" + certificates + "/client.pem&client_key_file=" + certificates + "/client.key";
  EXPECT_EQ((*open_provider(uri + own))->current().code(), Code::kNotFound) << "let in, and no key yet";
  EXPECT_EQ((*open_provider(uri))->current().code(), Code::kProviderUnavailable);
}

TEST_F(Vault, UrisThatCannotWorkAreRefusedWhenTheyAreOpened) {
  for (const char* uri :
       {"vault://h/key", "vault://h/", "vault://h", "vault://h//key", "vault://h/transit/", "vault://h/../key",
        "vault://h/transit/key?auth=ldap", "vault://h/transit/key?auth=approle", "vault://h/transit/key?role_id=x",
        "vault://h/transit/key?auth=approle&role_id=x", "vault://h/transit/key?auth=kubernetes",
        "vault://h/transit/key?token=hvs.x", "vault://h:x/transit/key", "vault://me:secret@h/transit/key",
        "vault://h/transit/key?token_file=a&token_env=B", "vault://h/transit/key?tls=maybe"}) {
    EXPECT_EQ(open_provider(uri).code(), Code::kInvalidArgument) << uri;
  }
  EXPECT_EQ((*open_provider("vault://192.0.2.1/transit/key?tls=false&token_env=HOME"))->current().code(),
            Code::kInvalidArgument)
      << "plain http:// to another machine";
}

TEST_F(Vault, ItsUriHasTheUsualPortAndEveryOption) {
  const std::string path = server_.file("x", "x");
  const std::string kOptions[] = {
      "?token_file=" + path, "?namespace=a%2Fb&auth=approle&auth_mount=roles&role_id=r&secret_id_env=S",
      "?auth=kubernetes&role=db&jwt_file=" + path, "?ca_file=" + path + "&timeout_millis=1234"};
  for (const std::string& options : kOptions) {
    auto provider = open_provider("vault://vault.example/a/b/my%20key" + options);
    ASSERT_TRUE(provider.is_ok()) << provider.status().to_string();
    auto again = open_provider((*provider)->uri());
    ASSERT_TRUE(again.is_ok()) << (*provider)->uri();
    EXPECT_EQ((*again)->uri(), (*provider)->uri());
    EXPECT_THAT((*provider)->uri(), testing::StartsWith("vault://vault.example:8200/a/b/my%20key?"));
  }
}

}  // namespace
}  // namespace coffer
