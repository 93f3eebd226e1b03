// Client and provider against the fake server, which does what PyKMIP does not: KMIP 2.1, TLS 1.3, dates, custom
// attributes, and every kind of bad answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "coffer/crypto/random.h"
#include "coffer/providers/kmip/key_handle.h"
#include "coffer/providers/registry.h"
#include "coffer_test_paths.h"
#include "providers/kmip/servers.h"

namespace coffer::kmip {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

#define ASSERT_OK(result) ASSERT_TRUE((result).is_ok()) << (result).status().message()

constexpr auto kShort = std::chrono::milliseconds(1000);

std::string host_of(const ServerProcess& server) { return "localhost:" + std::to_string(server.port()); }

TEST(FakeKmip, PyKmipsOwnClientIsContentWithIt) {
  const ServerProcess& server = fresh_fake();
  const std::string command = "/usr/bin/python3 " + std::string(COFFER_SOURCE_DIR) +
                              "/tests/providers/kmip/fake_kmip_check.py " + certificates() + " " +
                              std::to_string(server.port()) + " 1.0 1.2 1.4 2.0 >/dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

class FakeKmipVersions : public testing::TestWithParam<ProtocolVersion> {
 protected:
  Client client() const {
    GroupSettings settings = loopback_settings(port_);
    settings.version = GetParam();
    return client_of(settings);
  }
  std::string uri(const std::string& options) const {
    return loopback_uri(port_, name_, "client",
                        "timeout_millis=10000&key_cache_millis=0&kmip_version=" + GetParam().text() + "&" + options);
  }
  const int port_ = fresh_fake().port();
  const Client client_ = client();
  const std::string name_ = "key-" + random_id().value().hex();
  const WrapContext context_{random_id().value(), random_id().value()};
  const KeyringKey key_ = random_key<KeyringRole>(32).value();
};

INSTANTIATE_TEST_SUITE_P(EveryVersion, FakeKmipVersions,
                         testing::Values(kKmip10, ProtocolVersion{1, 1}, ProtocolVersion{1, 2}, kKmip13, kKmip14,
                                         kKmip20, kKmip21),
                         [](const auto& param) {
                           return "Kmip" + std::to_string(param.param.major) + std::to_string(param.param.minor);
                         });

TEST_P(FakeKmipVersions, AKeyLivesItsLife) {
  NewKey wanted;
  wanted.name = name_;
  wanted.space = {"7", "x-Tenant"};
  const auto id = client_.create(wanted);
  ASSERT_OK(id);
  EXPECT_THAT(*client_.locate({name_, wanted.space}), ElementsAre(*id));
  NewKey grouped;
  grouped.name = name_;
  grouped.space.name = "coffer tests";
  const auto other = client_.create(grouped);
  ASSERT_OK(other);
  EXPECT_THAT(*client_.locate({name_, grouped.space}), ElementsAre(*other));
  ASSERT_TRUE(client_.activate(*id));
  const auto attributes = client_.attributes(*id, wanted.space);
  ASSERT_OK(attributes);
  EXPECT_EQ(attributes->cipher(), "AES-256");
  EXPECT_EQ(attributes->state, State::kActive);
  EXPECT_EQ(attributes->custom.at("x-Tenant"), "7");
  EXPECT_TRUE(attributes->activation_date);
  EXPECT_EQ(client_.get(*id)->key.size(), 32u);

  for (const int64_t date : {4102444800, 4102444801}) {  // to set it, and to change it
    const Status put = client_.expire(*id, date);
    EXPECT_TRUE(put) << put.message();
    EXPECT_EQ(client_.attributes(*id)->protect_stop_date, date);
  }
}

TEST_P(FakeKmipVersions, TheNamespaceMayBeACustomAttribute) {
  const std::string options = "create=true&namespace_attribute=x-Tenant&namespace=";
  const auto seven = (*open_provider(uri(options + "7")))->current();
  ASSERT_OK(seven);
  const auto eight = (*open_provider(uri(options + "8")))->current();
  ASSERT_OK(eight);
  EXPECT_NE(*seven, *eight);
  EXPECT_EQ((*open_provider(uri(options + "7")))->current().value(), *seven);
}

TEST_P(FakeKmipVersions, AnExpiredKeyUnwrapsButWrapsNothingNew) {
  const auto provider = open_provider(uri("create=true"));
  ASSERT_OK(provider);
  const auto old = (*provider)->current();
  ASSERT_OK(old);
  const auto wrapped = (*provider)->wrap(*old, context_, key_);
  ASSERT_OK(wrapped);
  EXPECT_EQ(decode_handle(*old)->way, GetParam() >= kKmip14 ? KeyWay::kInService : KeyWay::kFetched);
  ASSERT_TRUE(client_.expire(decode_handle(*old)->id, std::time(nullptr) - 1));
  EXPECT_TRUE((*provider)->unwrap(*old, context_, *wrapped));
  const auto refused = (*provider)->wrap(*old, context_, key_);
  EXPECT_EQ(refused.code(), Code::kKeyUnavailable);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("it expired"));
  EXPECT_NE((*provider)->current().value(), *old) << "a new one is made";
}

TEST_P(FakeKmipVersions, AKeyThatWasReplacedUnderItsNameStillOpensAndOnlyThat) {
  const auto provider = open_provider(uri("create=true"));
  ASSERT_OK(provider);
  const auto first = (*provider)->current();
  ASSERT_OK(first);
  const auto wrapped = (*provider)->wrap(*first, context_, key_);
  ASSERT_OK(wrapped);
  std::string latest = decode_handle(*first)->id;
  for (int i = 0; i < 2; ++i) {  // the name goes along each time
    const OperationRequest rekey{
        "Re-key"_operation, [&](TtlvWriter& writer, ProtocolVersion) { writer.text("Unique Identifier"_tag, latest); }};
    ASSERT_OK(client_.group().call(std::span(&rekey, 1), Repeat::kOnlyIfUnsent));
    latest = client_.locate({name_, {}})->front();
  }
  EXPECT_EQ(decode_handle((*provider)->current().value())->id, latest);
  EXPECT_TRUE((*provider)->unwrap(*first, context_, *wrapped));
  EXPECT_EQ((*provider)->check(*first).to_string(), Status().to_string()) << "it is active, and within the name";

  NewKey other;
  other.name = name_ + " other";
  const auto id = client_.create(other);
  ASSERT_OK(id);
  ASSERT_TRUE(client_.activate(*id));
  KeyFields fields = decode_handle("kmip", *first).value();
  fields.back() = *id;
  EXPECT_EQ((*provider)->unwrap(encode_handle("kmip", fields).value(), context_, *wrapped).code(), Code::kWrongKey);
}

TEST_P(FakeKmipVersions, ADestroyedKeyIsCalledSoWithItsDate) {
  const auto provider = open_provider(uri("create=true"));
  ASSERT_OK(provider);
  const auto handle = (*provider)->current();
  ASSERT_OK(handle);
  const auto wrapped = (*provider)->wrap(*handle, context_, key_);
  ASSERT_OK(wrapped);
  const std::string id = decode_handle(*handle)->id;
  ASSERT_TRUE(client_.revoke(id, RevocationReason::kCessation, "", 0));
  EXPECT_TRUE((*provider)->unwrap(*handle, context_, *wrapped));
  ASSERT_TRUE(client_.destroy(id));
  const auto lost = (*provider)->unwrap(*handle, context_, *wrapped);
  EXPECT_EQ(lost.code(), Code::kKeyUnavailable);
  EXPECT_THAT(std::string(lost.status().message()),
              AllOf(HasSubstr("key " + id + " was destroyed 20"), HasSubstr("UTC")));
}

TEST(FakeKmip, HoweverADestroyedKeyIsRefusedTheReasonIsFound) {
  for (const char* reason : {"GENERAL_FAILURE", "PERMISSION_DENIED", "ILLEGAL_OPERATION", "OBJECT_NOT_FOUND"}) {
    const ServerProcess& server = fresh_fake(std::string("--destroyed-reason=") + reason);
    const Client client = client_of(loopback_settings(server.port()));
    for (const char* use : {"get", "encrypt"}) {
      const std::string options = std::string("timeout_millis=10000&create=true&key_cache_millis=0&use=") + use;
      const auto provider = open_provider(loopback_uri(server.port(), use, "client", options));
      ASSERT_OK(provider);
      const auto handle = (*provider)->current();
      ASSERT_OK(handle);
      const auto wrapped = (*provider)->wrap(*handle, {}, random_key<KeyringRole>(32).value());
      ASSERT_OK(wrapped);
      const std::string id = decode_handle(*handle)->id;
      ASSERT_TRUE(client.revoke(id, RevocationReason::kKeyCompromise, "", 0));
      ASSERT_TRUE(client.destroy(id));
      const auto lost = (*provider)->unwrap(*handle, {}, *wrapped);
      EXPECT_EQ(lost.code(), Code::kKeyUnavailable) << reason << ", " << use << ": " << lost.status().message();
      EXPECT_THAT(std::string(lost.status().message()), HasSubstr("destroyed"));
    }
  }
}

TEST(FakeKmip, TheVersionIsFoundHoweverOthersAreRefused) {
  for (const char* options : {"--versions=2.1 --version-reason=INVALID_MESSAGE --refused-as=1.0",
                              "--versions=2.1 --version-reason=UNSUPPORTED_PROTOCOL_VERSION --refused-as=2.1",
                              "--versions=2.1 --version-reason=GENERAL_FAILURE --refused-as=2.1",
                              "--versions=2.1,1.0 --version-reason=INVALID_MESSAGE --refused-as=1.4"}) {
    const ServerProcess& server = fresh_fake(options);
    const auto abilities = client_of(loopback_settings(server.port())).query();
    ASSERT_OK(abilities);
    EXPECT_EQ(abilities->version, kKmip21) << options;
  }
  const ServerProcess& oldest = fresh_fake("--versions=1.0 --without=DISCOVER_VERSIONS");
  EXPECT_EQ(client_of(loopback_settings(oldest.port())).query()->version, kKmip10);
}

TEST(FakeKmip, VersionsThatDoNotMeetAreAnErrorThatNamesThem) {
  const ServerProcess& newer = fresh_fake("--discovered=3.0,9.1");
  const auto nothing = client_of(loopback_settings(newer.port())).query();
  EXPECT_EQ(nothing.code(), Code::kUnsupported);
  EXPECT_THAT(std::string(nothing.status().message()), AllOf(HasSubstr(host_of(newer)), HasSubstr("3.0, 9.1")));
  const ServerProcess& liar = fresh_fake("--versions=1.4 --discovered=2.1");
  EXPECT_FALSE(client_of(loopback_settings(liar.port())).query());
}

struct Trouble {
  const char* name;
  const char* says;
};

void PrintTo(const Trouble& trouble, std::ostream* out) { *out << trouble.name; }

class FakeKmipTrouble : public testing::TestWithParam<Trouble> {};

INSTANTIATE_TEST_SUITE_P(
    Every, FakeKmipTrouble,
    testing::Values(Trouble{"silent", "timed out"}, Trouble{"slow", "timed out"},
                    Trouble{"cut", "closed the connection"}, Trouble{"close", "closed the connection"},
                    Trouble{"oversized", "more than the limit"}, Trouble{"garbage", "cannot be understood"},
                    Trouble{"deep", "cannot be understood"}, Trouble{"http", "more than the limit"},
                    Trouble{"count", "batch count"}, Trouble{"version", "9.9"}),
    [](const auto& param) { return param.param.name; });

TEST_P(FakeKmipTrouble, IsAnErrorThatNamesTheHostAndEndsInTime) {
  const ServerProcess& server = fresh_fake(std::string("--trouble=") + GetParam().name);
  GroupSettings settings = loopback_settings(server.port());
  settings.timeout = kShort;
  settings.version = kKmip14;
  const auto start = std::chrono::steady_clock::now();
  const auto answer = client_of(settings).query();
  EXPECT_EQ(answer.code(), Code::kProviderUnavailable) << answer.status().to_string();
  EXPECT_THAT(std::string(answer.status().message()), AllOf(HasSubstr(host_of(server)), HasSubstr(GetParam().says)));
  // Far above what it takes: only a wait without an end fails this.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

TEST(FakeKmip, WhatFailsOnceIsTriedAgainAndWhatIsLateIsWaitedFor) {
  for (const char* trouble : {"close", "cut", "garbage", "late"}) {
    const ServerProcess& server = fresh_fake(std::string("--trouble=") + trouble + " --trouble-count=1");
    EXPECT_TRUE(client_of(loopback_settings(server.port())).query()) << trouble;
  }
}

TEST(FakeKmip, ACreateWhoseAnswerIsLostIsNotRepeated) {
  const ServerProcess& server = fresh_fake("--trouble=cut --trouble-operation=CREATE");
  const Client client = client_of(loopback_settings(server.port()));
  NewKey wanted;
  wanted.name = "once";
  const auto id = client.create(wanted);
  EXPECT_EQ(id.code(), Code::kProviderUnavailable);
  EXPECT_THAT(std::string(id.status().message()), HasSubstr("whether the request took effect is not known"));
  EXPECT_EQ(client.locate({"once", {}})->size(), 1u);
}

TEST(FakeKmip, AnAnswerThatIsPromisedForLaterIsNotSupported) {
  const ServerProcess& server = fresh_fake("--trouble=pending --trouble-operation=QUERY");
  EXPECT_EQ(client_of(loopback_settings(server.port())).query().code(), Code::kUnsupported);
}

TEST(FakeKmip, FromAServerThatCannotEncryptOrDecryptTheKeyIsFetched) {
  for (const auto& [options, reason] :
       {std::pair("--without=ENCRYPT", "offers no Encrypt and Decrypt"),
        std::pair("--trouble=failure --trouble-operation=DECRYPT", "does not encrypt with it by AES-GCM")}) {
    const ServerProcess& server = fresh_fake(options);
    const auto provider = open_provider(loopback_uri(server.port(), "k", "client", "timeout_millis=10000&create=true"));
    ASSERT_OK(provider);
    const auto handle = (*provider)->current();
    ASSERT_OK(handle);
    EXPECT_EQ(decode_handle(*handle)->way, KeyWay::kFetched);
    EXPECT_THAT((*provider)->describe(), HasSubstr(reason));
  }
}

TEST(FakeKmip, AServerThatStopsDecryptingIsUnavailableNotAWrongKey) {
  const ServerProcess& server = fresh_fake("--trouble=failure --trouble-operation=DECRYPT");
  const auto provider =
      open_provider(loopback_uri(server.port(), "k", "client", "timeout_millis=10000&create=true&use=encrypt"));
  ASSERT_OK(provider);
  const auto handle = (*provider)->current();
  ASSERT_OK(handle);
  // The fresh wrapping is proved by decrypting it.
  const auto wrapped = (*provider)->wrap(*handle, {}, random_key<KeyringRole>(32).value());
  EXPECT_EQ(wrapped.code(), Code::kProviderUnavailable) << wrapped.status().to_string();
  EXPECT_THAT(std::string(wrapped.status().message()), HasSubstr("something went wrong"));
}

TEST(FakeKmip, TlsVersionAndHostNameAreAsToldElseRefused) {
  for (const char* version : {"1.2", "1.3"}) {
    const ServerProcess& server = fresh_fake(std::string("--tls=") + version);
    GroupSettings settings = loopback_settings(server.port());
    settings.timeout = std::chrono::milliseconds(2500);
    const auto reports = client_of(settings).group().ping();
    EXPECT_TRUE(reports[0].status) << reports[0].status.message();
    EXPECT_EQ(reports[0].tls_version, std::string("TLSv") + version);
    settings.tls.protocol = std::string("TLSv") + (reports[0].tls_version == "TLSv1.2" ? "1.3" : "1.2");
    const auto other = client_of(settings).query();
    EXPECT_EQ(other.code(), Code::kProviderUnavailable);
    EXPECT_THAT(std::string(other.status().message()), HasSubstr(host_of(server)));
    settings.tls.protocol.clear();
    settings.tls.cipher_suites = {version[2] == '2' ? "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
                                                    : "TLS_CHACHA20_POLY1305_SHA256"};
    EXPECT_TRUE(client_of(settings).query()) << settings.tls.cipher_suites[0];
  }
  const ServerProcess& elsewhere = fresh_fake("--certificate=elsewhere");
  GroupSettings settings = loopback_settings(elsewhere.port());
  settings.timeout = std::chrono::milliseconds(2500);
  const auto refused = client_of(settings).query();
  EXPECT_EQ(refused.code(), Code::kProviderUnavailable);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("localhost"));
  settings.tls.verify_host = false;
  EXPECT_TRUE(client_of(settings).query());
}

}  // namespace
}  // namespace coffer::kmip
