// AWS KMS: where credentials come from, states of keys, and bad days. What every provider must do stands in
// ../contract_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/io/disk.h"
#include "coffer/providers/aws_kms/credentials.h"
#include "coffer/providers/aws_kms/ini_file.h"
#include "coffer/providers/registry.h"
#include "coffer/providers/root.h"
#include "providers/cloud/fake_server.h"
#include "providers/cloud/raw_server.h"

namespace coffer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr char kSecret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr char kRole[] = "arn:aws:iam::111122223333:role/db";

// The environment without anything of AWS, and as it was afterwards.
class CleanEnvironment {
 public:
  CleanEnvironment() {
    for (const char* name : kNames) {
      const char* value = getenv(name);
      before_.emplace_back(name, value == nullptr ? std::nullopt : std::optional<std::string>(value));
      unsetenv(name);
    }
    setenv("HOME", home_.path().c_str(), 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
  }
  ~CleanEnvironment() {
    for (const auto& [name, value] : before_) value.has_value() ? setenv(name, value->c_str(), 1) : unsetenv(name);
  }
  CleanEnvironment(const CleanEnvironment&) = delete;
  CleanEnvironment& operator=(const CleanEnvironment&) = delete;

  void write(const std::string& name, const std::string& contents) const {
    std::filesystem::create_directories(home_ / ".aws");
    EXPECT_TRUE(replace_file(Disk::posix(), home_ / (".aws/" + name), as_bytes(contents), 0600).is_ok());
  }

 private:
  static constexpr const char* kNames[] = {"HOME",
                                           "AWS_ACCESS_KEY_ID",
                                           "AWS_SECRET_ACCESS_KEY",
                                           "AWS_SESSION_TOKEN",
                                           "AWS_PROFILE",
                                           "AWS_REGION",
                                           "AWS_DEFAULT_REGION",
                                           "AWS_SHARED_CREDENTIALS_FILE",
                                           "AWS_CONFIG_FILE",
                                           "AWS_ROLE_ARN",
                                           "AWS_ROLE_SESSION_NAME",
                                           "AWS_WEB_IDENTITY_TOKEN_FILE",
                                           "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                           "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                           "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                           "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                                           "AWS_EC2_METADATA_DISABLED",
                                           "AWS_EC2_METADATA_SERVICE_ENDPOINT"};
  TemporaryDirectory home_;
  std::vector<std::pair<const char*, std::optional<std::string>>> before_;
};

class AwsKms : public testing::Test {
 protected:
  void SetUp() override {
    context_.coffer_id = random_id().value();
    context_.slot_id = random_id().value();
    key_ = random_key<KeyringRole>(32).value();
    key_id_ = make_key();
    call("CreateAlias", R"("AliasName":"alias/root","TargetKeyId":")" + key_id_ + "\"");
  }

  std::string call(const std::string& operation, const std::string& body) {
    return server_.operate(R"({"action":"call","operation":")" + operation + "\"" + (body.empty() ? "" : "," + body) +
                           "}");
  }
  std::string make_key(const std::string& body = "") {
    return nlohmann::json::parse(call("CreateKey", body)).at("KeyMetadata").at("KeyId");
  }
  std::unique_ptr<RootKeyProvider> open(const std::string& options = "", const std::string& key = "alias/root") {
    auto provider = open_provider("aws-kms://eu-west-1/" + key + "?timeout_millis=4000&endpoint=http://" +
                                  server_.host() + "&sts_endpoint=http://" + server_.host() + options);
    if (!provider.is_ok()) throw std::runtime_error(provider.status().to_string());
    return std::move(provider).value();
  }
  std::unique_ptr<RootKeyProvider> open_with_keys() {
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", kSecret, 1);
    return open();
  }
  Status unwrap(RootKeyProvider& provider, const RootKeyHandle& handle, const WrappedKeyringKey& wrapped) {
    auto key = provider.unwrap(handle, context_, wrapped);
    if (key.is_ok() && !equal_constant_time(key->reveal(), key_.reveal())) return {Code::kInternal, "another key"};
    return key.status();
  }
  Status round_trip(RootKeyProvider& provider) {
    COFFER_ASSIGN(const RootKeyHandle handle, provider.current());
    COFFER_ASSIGN(const WrappedKeyringKey wrapped, provider.wrap(handle, context_, key_));
    return unwrap(provider, handle, wrapped);
  }
  // A provider, and what it has wrapped.
  void wrap() {
    provider_ = open_with_keys();
    handle_ = provider_->current().value();
    wrapped_ = provider_->wrap(handle_, context_, key_).value();
  }
  std::string message(const Status& status) { return std::string(status.message()); }
  int count(const std::string& request) {
    const auto requests = server_.requests();
    return static_cast<int>(std::count(requests.begin(), requests.end(), request));
  }

  CleanEnvironment environment_;
  FakeServer server_{"fake_aws_kms.py"};
  std::string key_id_;
  WrapContext context_;
  KeyringKey key_;
  std::unique_ptr<RootKeyProvider> provider_;
  RootKeyHandle handle_;
  WrappedKeyringKey wrapped_;
};

TEST_F(AwsKms, TheEnvironmentsKeysAreTaken) {
  EXPECT_EQ(round_trip(*open_with_keys()).to_string(), Status().to_string());
  setenv("AWS_SECRET_ACCESS_KEY", "guessed", 1);
  const Status status = open()->current().status();
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_THAT(message(status),
              AllOf(HasSubstr("AWS_ACCESS_KEY_ID"), HasSubstr("InvalidSignature"), Not(HasSubstr("guessed"))));
}

TEST_F(AwsKms, AProfileOfTheCredentialsFileIsTaken) {
  environment_.write("credentials",
                     "# mine\n[default]\naws_access_key_id=AKIDOTHER\naws_secret_access_key=other\n"
                     "[prod] ; the one\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = " +
                         std::string(kSecret) + "  # comment\n");
  EXPECT_EQ(open()->current().code(), Code::kPermissionDenied) << "the profile default is somebody else's";
  EXPECT_TRUE(round_trip(*open("&profile=prod")).is_ok());
  setenv("AWS_PROFILE", "prod", 1);
  EXPECT_TRUE(round_trip(*open()).is_ok());
  setenv("AWS_ACCESS_KEY_ID", "AKIDOTHER", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "other", 1);
  EXPECT_EQ(open()->current().code(), Code::kPermissionDenied) << "the environment's keys go before AWS_PROFILE";
  EXPECT_TRUE(round_trip(*open("&profile=prod")).is_ok()) << "but not before a profile that is stated";
  const Status missing = open("&profile=none")->current().status();
  EXPECT_EQ(missing.code(), Code::kPermissionDenied);
  EXPECT_THAT(message(missing), HasSubstr("profile none"));
}

TEST_F(AwsKms, ACredentialsFileThatOthersMayReadIsRefused) {
  environment_.write("credentials", "[default]\naws_access_key_id=a\naws_secret_access_key=b\n");
  std::filesystem::permissions(std::string(getenv("HOME")) + "/.aws/credentials", std::filesystem::perms(0644));
  const Status status = open()->current().status();
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_THAT(message(status), HasSubstr("chmod 600"));
}

TEST_F(AwsKms, AWebIdentityIsExchangedOnceForManyCalls) {
  server_.operate(R"({"action":"set","identities":{")" + std::string(kRole) + R"(":"a.b+c/="}})");
  setenv("AWS_ROLE_ARN", kRole, 1);
  setenv("AWS_WEB_IDENTITY_TOKEN_FILE", server_.file("token", "a.b+c/=\n").c_str(), 1);
  auto provider = open();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(round_trip(*provider).to_string(), Status().to_string());
  EXPECT_EQ(count("POST /"), 1 + 3 * 4) << "one login; describe, encrypt, decrypt, decrypt";
  server_.operate(R"({"action":"revoke_lent"})");
  EXPECT_TRUE(round_trip(*provider).is_ok()) << "a refused login is repeated";
  server_.file("token", "x.y.z");
  const Status refused = open()->current().status();
  EXPECT_EQ(refused.code(), Code::kPermissionDenied);
  EXPECT_THAT(message(refused), AllOf(HasSubstr(kRole), HasSubstr("InvalidIdentityToken"), Not(HasSubstr("x.y.z"))));
}

TEST_F(AwsKms, AProfileMayBeARoleForAWebIdentity) {
  server_.operate(R"({"action":"set","identities":{")" + std::string(kRole) + R"(":"a.b.c"}})");
  environment_.write("config", "[profile db]\nrole_arn = " + std::string(kRole) + "\nweb_identity_token_file = " +
                                   server_.file("token", "a.b.c") + "\n[profile sso]\nsso_start_url = https://x\n");
  EXPECT_TRUE(round_trip(*open("&profile=db")).is_ok());
  const Status status = open("&profile=sso")->current().status();
  EXPECT_EQ(status.code(), Code::kUnsupported);
  EXPECT_THAT(message(status), AllOf(HasSubstr("sso_start_url"), HasSubstr("export-credentials")));
}

// A web identity's token on its way to STS, and a signed request on its way to KMS: another host hears of neither.
TEST_F(AwsKms, ARedirectionTakesNoCredentialsToAnotherHost) {
  server_.operate(R"({"action":"set","identities":{")" + std::string(kRole) + R"(":"a.b.c"}})");
  setenv("AWS_ROLE_ARN", kRole, 1);
  setenv("AWS_WEB_IDENTITY_TOKEN_FILE", server_.file("token", "a.b.c").c_str(), 1);
  RawServer elsewhere({{http_answer(200, "{}")}});
  for (const int status : {301, 302, 303, 307, 308}) {
    const std::string fault = R"({"kind":"status","status":)" + std::to_string(status) + R"(,"headers":{"Location":")" +
                              elsewhere.url() + R"("}})";
    auto provider = open();
    server_.fault(fault);
    EXPECT_FALSE(provider->current().is_ok()) << status << " of STS";
    EXPECT_EQ(round_trip(*provider).to_string(), Status().to_string()) << "the next one is no redirection";
    server_.fault(fault);
    EXPECT_FALSE(provider->current().is_ok()) << status << " of KMS";
  }
  EXPECT_TRUE(elsewhere.requests().empty());
}

TEST_F(AwsKms, LentCredentialsAreReplacedBeforeTheyExpire) {
  server_.operate(R"({"action":"set","lent_seconds":2,"identities":{")" + std::string(kRole) + R"(":"a.b.c"}})");
  setenv("AWS_ROLE_ARN", kRole, 1);
  setenv("AWS_WEB_IDENTITY_TOKEN_FILE", server_.file("token", "a.b.c").c_str(), 1);
  auto provider = open();
  EXPECT_TRUE(provider->current().is_ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  EXPECT_TRUE(provider->current().is_ok());
  EXPECT_EQ(count("POST /"), 4) << "two logins";
}

TEST_F(AwsKms, AContainersCredentialsAreTaken) {
  server_.operate(R"({"action":"set","container_token":"letmein"})");
  setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", ("http://" + server_.host() + "/container/credentials").c_str(), 1);
  setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", server_.file("token", "letmein\n").c_str(), 1);
  EXPECT_TRUE(round_trip(*open()).is_ok());
  unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "guessed", 1);
  EXPECT_EQ(open()->current().code(), Code::kPermissionDenied);
  setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://198.51.100.7/credentials", 1);
  EXPECT_EQ(open()->current().code(), Code::kInvalidArgument) << "a stranger's machine without TLS";
}

TEST_F(AwsKms, AnInstancesRoleIsTaken) {
  server_.operate(R"({"action":"set","instance_role":"db-role"})");
  unsetenv("AWS_EC2_METADATA_DISABLED");
  setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", ("http://" + server_.host()).c_str(), 1);
  EXPECT_TRUE(round_trip(*open()).is_ok());
  EXPECT_EQ(count("PUT /latest/api/token"), 1);
  server_.operate(R"({"action":"set","instance_role":null})");
  EXPECT_EQ(open()->current().code(), Code::kPermissionDenied);
}

TEST_F(AwsKms, WithoutAnyCredentialsItSaysWhereItLooked) {
  const Status status = open()->current().status();
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_THAT(message(status), AllOf(HasSubstr("AWS_ACCESS_KEY_ID"), HasSubstr("~/.aws")));
}

TEST_F(AwsKms, AKeyIsFoundByIdByAliasAndByArn) {
  const std::string arn = "arn:aws:kms:eu-west-1:111122223333:key/" + key_id_;
  const RootKeyHandle handle = open_with_keys()->current().value();
  EXPECT_EQ(open("", key_id_)->current().value(), handle);
  EXPECT_EQ(open("", arn)->current().value(), handle);
  EXPECT_EQ(open()->describe(handle), arn);
  auto without_region = open_provider("aws-kms:///" + arn + "?endpoint=http://" + server_.host());
  ASSERT_TRUE(without_region.is_ok()) << without_region.status().to_string();
  EXPECT_EQ((*without_region)->current().value(), handle);
  EXPECT_THAT((*without_region)->uri(), HasSubstr("aws-kms://eu-west-1/arn:aws:kms:eu-west-1:"));
}

TEST_F(AwsKms, AnAliasThatWasMovedNamesItsNewKeyAlone) {
  wrap();
  call("UpdateAlias", R"("AliasName":"alias/root","TargetKeyId":")" + make_key() + "\"");
  const RootKeyHandle moved = provider_->current().value();
  EXPECT_NE(moved, handle_) << "rotate root takes the new one";
  for (const Status& status : {unwrap(*provider_, handle_, wrapped_), provider_->check(handle_),
                               provider_->wrap(handle_, context_, key_).status()}) {
    EXPECT_EQ(status.code(), Code::kWrongKey) << status.to_string();
    EXPECT_THAT(message(status), AllOf(HasSubstr(provider_->describe(handle_)), HasSubstr(provider_->describe(moved)),
                                       HasSubstr("by its ARN")));
  }
  EXPECT_EQ(unwrap(*provider_, moved, wrapped_).code(), Code::kWrongKey);
  const auto by_arn = open("", provider_->describe(handle_));
  EXPECT_EQ(unwrap(*by_arn, handle_, wrapped_).to_string(), Status().to_string());
}

TEST_F(AwsKms, KmsIsAskedForTheUrisKeyWhateverASlotNames) {
  wrap();
  for (const char* arn : {"arn:aws:kms:eu-west-1:999988887777:key/", "arn:aws-cn:kms:eu-west-1:111122223333:key/",
                          "arn:aws:kms:us-east-1:111122223333:key/"}) {
    const RootKeyHandle strange = encode_handle("aws-kms", {arn + key_id_}).value();
    for (const auto& provider : {open(), open("", key_id_), open("", provider_->describe(handle_))}) {
      EXPECT_EQ(unwrap(*provider, strange, wrapped_).code(), Code::kWrongKey) << arn;
      EXPECT_EQ(provider->wrap(strange, context_, key_).code(), Code::kWrongKey) << arn;
    }
  }
}

TEST_F(AwsKms, AReplicaInAnotherRegionOpensWhatAMultiRegionKeyWrapped) {
  open_with_keys();
  const std::string id = "mrk-0123456789abcdef0123456789abcdef";
  const std::string keys = R"({"action":"set","keys":{")" + id + R"(":{"id":")" + id + R"(","material":")" +
                           std::string(64, '7') + R"(","state":"Enabled","usage":"ENCRYPT_DECRYPT",)" +
                           R"("spec":"SYMMETRIC_DEFAULT","created":0}}})";
  FakeServer elsewhere("fake_aws_kms.py", {"--region", "us-east-1"});
  server_.operate(keys);
  elsewhere.operate(keys);
  elsewhere.operate(
      R"({"action":"add_user","access_key":"AKIDEXAMPLE","secret":"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"})");
  const auto here = open("", id);
  const RootKeyHandle handle = here->current().value();
  const WrappedKeyringKey wrapped = here->wrap(handle, context_, key_).value();
  for (const std::string& name : {id, "arn:aws:kms:us-east-1:111122223333:key/" + id}) {
    const auto there = open_provider("aws-kms://us-east-1/" + name + "?endpoint=http://" + elsewhere.host());
    ASSERT_TRUE(there.is_ok()) << there.status().to_string();
    EXPECT_EQ(unwrap(**there, handle, wrapped).to_string(), Status().to_string());
    EXPECT_EQ((*there)->check(handle).to_string(), Status().to_string());
  }
}

TEST_F(AwsKms, DisabledPendingAndOtherKeysAreUnavailableEachInItsWords) {
  wrap();
  const std::string key = R"("KeyId":")" + key_id_ + "\"";
  call("DisableKey", key);
  EXPECT_EQ(unwrap(*provider_, handle_, wrapped_).code(), Code::kKeyUnavailable);
  EXPECT_THAT(message(unwrap(*provider_, handle_, wrapped_)), HasSubstr("enable-key"));
  EXPECT_EQ(provider_->current().code(), Code::kKeyUnavailable);
  EXPECT_EQ(provider_->wrap(handle_, context_, key_).code(), Code::kKeyUnavailable);
  call("ScheduleKeyDeletion", key);
  EXPECT_EQ(unwrap(*provider_, handle_, wrapped_).code(), Code::kKeyUnavailable);
  EXPECT_THAT(message(unwrap(*provider_, handle_, wrapped_)), HasSubstr("cancel-key-deletion"));
  call("EnableKey", key);
  EXPECT_TRUE(unwrap(*provider_, handle_, wrapped_).is_ok());
}

TEST_F(AwsKms, AKeyThatIsNotForThisIsRefused) {
  open_with_keys();
  for (const char* body : {R"("KeyUsage":"SIGN_VERIFY","KeySpec":"ECC_NIST_P256")", R"("KeySpec":"RSA_4096")"}) {
    const Status status = open("", make_key(body))->current().status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_THAT(message(status), HasSubstr("SYMMETRIC_DEFAULT"));
  }
}

TEST_F(AwsKms, WhoMayOnlyDecryptUnwraps) {
  wrap();
  server_.operate(R"({"action":"add_user","access_key":"AKIDREADER","secret":"s3cret","may":["Decrypt"]})");
  setenv("AWS_ACCESS_KEY_ID", "AKIDREADER", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "s3cret", 1);
  auto reader = open();
  EXPECT_TRUE(unwrap(*reader, handle_, wrapped_).is_ok());
  const Status status = reader->wrap(handle_, context_, key_).status();
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_THAT(message(status), HasSubstr("kms:Encrypt"));
}

TEST_F(AwsKms, AWrongClockIsSuspectedWhenKmsSaysSo) {
  wrap();
  for (const char* said :
       {"Signature expired: 1 is now earlier than 2", "Signature not yet current: 2 is later than 1"}) {
    server_.fault(R"({"kind":"status","status":400,"body":"{\"__type\":\"InvalidSignatureException\",\"message\":\")" +
                  std::string(said) + R"(\"}"})");
    const Status status = unwrap(*provider_, handle_, wrapped_);
    EXPECT_EQ(status.code(), Code::kPermissionDenied);
    EXPECT_THAT(message(status), HasSubstr("clock")) << said;
  }
}

TEST_F(AwsKms, AShortBadPatchIsSurvived) {
  wrap();
  for (const char* fault :
       {R"({"kind":"status","status":400,"count":2,"body":"{\"__type\":\"ThrottlingException\"}"})",
        R"({"kind":"status","status":500,"count":2,"body":"{\"__type\":\"KMSInternalException\"}"})",
        R"({"kind":"status","status":503,"count":2})", R"({"kind":"close","count":2})", R"({"kind":"cut","count":2})",
        R"({"kind":"slow","seconds":0.3})"}) {
    server_.fault(fault);
    EXPECT_EQ(unwrap(*provider_, handle_, wrapped_).to_string(), Status().to_string()) << fault;
  }
  server_.fault(R"({"kind":"status","status":400,"count":9,"body":"{\"__type\":\"ThrottlingException\"}"})");
  const Status status = unwrap(*provider_, handle_, wrapped_);
  EXPECT_EQ(status.code(), Code::kProviderUnavailable);
  EXPECT_THAT(message(status), HasSubstr("ThrottlingException"));
}

TEST_F(AwsKms, MalformedAnswersAreRefusedAndNeverTaken) {
  wrap();
  const std::string arn = "arn:aws:kms:eu-west-1:111122223333:key/" + key_id_;
  const std::string kBodies[] = {
      "",
      "{",
      "[]",
      "{}",
      R"({\"KeyId\":\")" + arn + R"(\"})",
      R"({\"KeyId\":\"arn:other\",\"Plaintext\":\"AAAA\"})",
      R"({\"KeyId\":\")" + arn + R"(\",\"Plaintext\":\"AAAA\"})",
      R"({\"KeyId\":\")" + arn + R"(\",\"Plaintext\":\"!\"})",
      R"({\"KeyId\":\")" + arn + R"(\",\"Plaintext\":\")" + std::string(86, 'A') + R"(==\"})",
      R"({\"KeyMetadata\":{\"Arn\":7}})",
      R"({\"KeyMetadata\":{\"Arn\":\"x\",\"KeyState\":\"Enabled\",\"KeyUsage\":)"
      R"(\"ENCRYPT_DECRYPT\",\"KeySpec\":\"SYMMETRIC_DEFAULT\"}})"};
  for (const std::string& body : kBodies) {
    const std::string fault = R"({"kind":"status","status":200,"body":")" + body + "\"}";
    server_.fault(fault);
    EXPECT_THAT(unwrap(*provider_, handle_, wrapped_).code(), testing::AnyOf(Code::kTampered, Code::kWrongKey)) << body;
    server_.fault(fault);
    EXPECT_EQ(provider_->current().code(), Code::kTampered) << body;
    server_.fault(fault);
    EXPECT_THAT(provider_->wrap(handle_, context_, key_).code(), testing::AnyOf(Code::kTampered, Code::kWrongKey))
        << body;
  }
  server_.fault(R"({"kind":"oversized"})");
  EXPECT_EQ(unwrap(*provider_, handle_, wrapped_).code(), Code::kTampered);
  server_.fault(R"({"kind":"status","status":418})");
  EXPECT_EQ(unwrap(*provider_, handle_, wrapped_).code(), Code::kProviderUnavailable);
  EXPECT_TRUE(unwrap(*provider_, handle_, wrapped_).is_ok());
}

TEST_F(AwsKms, LentCredentialsThatAreMalformedAreRefused) {
  for (const char* body : {"", "{}", "<Credentials/>", "<AccessKeyId>a</AccessKeyId>",
                           "<AccessKeyId>a</AccessKeyId><SecretAccessKey>b<x/></SecretAccessKey><SessionToken>c",
                           R"({"AccessKeyId":"a","SecretAccessKey":7,"Token":"c"})"}) {
    RawServer server({{http_answer(200, body)}});
    setenv("AWS_ROLE_ARN", kRole, 1);
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", server_.file("token", "a.b.c").c_str(), 1);
    auto sts = open_provider("aws-kms://eu-west-1/k?sts_endpoint=" + server.url(""));
    EXPECT_EQ((*sts)->current().code(), Code::kTampered) << body;
    unsetenv("AWS_ROLE_ARN");
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url().c_str(), 1);
    EXPECT_EQ((*open_provider("aws-kms://eu-west-1/k"))->current().code(), Code::kTampered) << body;
    unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  }
}

TEST_F(AwsKms, UrisThatCannotWorkAreRefusedWhenTheyAreOpened) {
  for (const char* uri : {"aws-kms:alias/x", "aws-kms://eu-west-1", "aws-kms://eu-west-1/", "aws-kms:///alias/x",
                          "aws-kms://evil.com%2f/k", "aws-kms://EU/k", "aws-kms://a.b/k", "aws-kms://u@eu-west-1/k",
                          "aws-kms://eu-west-1/k%20k", "aws-kms://us-east-1/arn:aws:kms:eu-west-1:1:key/k",
                          "aws-kms://eu-west-1/k?endpoint=ftp://h", "aws-kms://eu-west-1/k?endpoint=https://h/path",
                          "aws-kms://eu-west-1/k?secret=x"}) {
    EXPECT_EQ(open_provider(uri).code(), Code::kInvalidArgument) << uri;
  }
  setenv("AWS_REGION", "eu-west-1", 1);
  auto provider = open_provider("aws-kms:///alias/x");
  ASSERT_TRUE(provider.is_ok());
  EXPECT_EQ((*provider)->uri(), "aws-kms://eu-west-1/alias/x");
}

TEST(AwsIniFile, SettingsAreFoundInTheirSection) {
  constexpr std::string_view kText =
      "; top\nstray = 1\n[default]\na=1\n  nested = 2\n[ prod ]\r\na = x y \r\nb=c # d\nb2=c#d\n#a = 9\na = "
      "last\n[x\n=\nno\n";
  using aws_kms::ini_value;
  EXPECT_EQ(ini_value(kText, "default", "a"), "1");
  EXPECT_EQ(ini_value(kText, "default", "nested"), std::nullopt);
  EXPECT_EQ(ini_value(kText, "prod", "a"), "last");
  EXPECT_EQ(ini_value(kText, "prod", "b"), "c");
  EXPECT_EQ(ini_value(kText, "prod", "b2"), "c#d");
  EXPECT_EQ(ini_value(kText, "other", "a"), std::nullopt);
  EXPECT_EQ(ini_value("", "a", "b"), std::nullopt);
  EXPECT_EQ(ini_value("[a]", "a", "b"), std::nullopt);
}

TEST(AwsDates, AreReadWithAndWithoutFractions) {
  using aws_kms::parse_utc;
  EXPECT_EQ(parse_utc("2015-08-30T12:36:00Z"), 1440938160);
  EXPECT_EQ(parse_utc("2015-08-30T12:36:00.123Z"), 1440938160);
  for (const char* text : {"", "2015-08-30", "2015-08-30T12:36:00", "2015-08-30T12:36:00+01:00", "2015-13-30T12:36:00Z",
                           "2015-08-30T12:36:00.Z.", "2015-08-30T12:36:00."}) {
    EXPECT_EQ(parse_utc(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace coffer
