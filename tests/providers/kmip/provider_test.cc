// The KMIP provider against PyKMIP, beyond the contract that every provider keeps (tests/providers/contract_test.cc).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <ctime>
#include <thread>

#include "coffer/crypto/random.h"
#include "coffer/providers/kmip/key_handle.h"
#include "coffer/providers/registry.h"
#include "coffer/store/coffer.h"
#include "providers/kmip/servers.h"
#include "support/configured.h"

namespace coffer::kmip {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

int provider_server_port() {
  static const ServerDirectory directory;
  static const std::unique_ptr<ServerProcess> server = start_pykmip(directory.path());
  return server->port();
}

class KmipProvider : public testing::Test {
 protected:
  using Provider = std::unique_ptr<RootKeyProvider>;

  // Patient, and nothing kept, unless `options` say otherwise.
  std::string uri(const std::string& options = "", const std::string& certificate = "client") const {
    std::string all = "timeout_millis=10000";
    if (options.find("key_cache_millis") == std::string::npos) all += "&key_cache_millis=0";
    return loopback_uri(provider_server_port(), name_, certificate, options.empty() ? all : all + "&" + options);
  }
  static Provider open(const std::string& uri, const std::string& yaml = "") {
    auto provider = open_provider(uri, configured(yaml));
    EXPECT_TRUE(provider) << provider.status().to_string();
    return provider ? std::move(*provider) : nullptr;
  }
  static RootKeyHandle current(RootKeyProvider& provider) {
    auto handle = provider.current();
    EXPECT_TRUE(handle) << handle.status().to_string();
    return handle ? *handle : RootKeyHandle{};
  }
  std::string make_key(int32_t bits = 256, const std::string& group = "") {
    NewKey wanted;
    wanted.name = name_;
    wanted.bits = bits;
    wanted.space.name = group;
    auto id = operator_.create(wanted);
    EXPECT_TRUE(id) << id.status().to_string();
    EXPECT_TRUE(!id || operator_.activate(*id));
    return id ? *id : "";
  }
  void revoke(const std::string& id, RevocationReason reason = RevocationReason::kCessation) {
    EXPECT_TRUE(operator_.revoke(id, reason, "test", std::time(nullptr)));
  }
  static std::string id_of(const RootKeyHandle& handle) {
    const auto name = decode_handle(handle);
    return name ? name->id : "none";
  }
  WrappedKeyringKey wrap(RootKeyProvider& provider, const RootKeyHandle& handle) {
    auto wrapped = provider.wrap(handle, context_, key_);
    EXPECT_TRUE(wrapped) << wrapped.status().to_string();
    return wrapped ? *wrapped : WrappedKeyringKey{};
  }
  bool unwraps(RootKeyProvider& provider, const RootKeyHandle& handle, const WrappedKeyringKey& wrapped) {
    auto key = provider.unwrap(handle, context_, wrapped);
    EXPECT_TRUE(key) << key.status().to_string();
    return key && std::ranges::equal(key->reveal(), key_.reveal());
  }
  static bool eventually(const std::function<bool()>& holds) {
    for (int i = 0; i < 400; ++i) {
      if (holds()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }

  const Client operator_ = loopback_client(provider_server_port());
  const std::string name_ = "key-" + random_id().value().hex();
  const WrapContext context_{random_id().value(), random_id().value()};
  const KeyringKey key_ = random_key<KeyringRole>(32).value();
};

TEST_F(KmipProvider, WithoutCreateAMissingKeyIsAnErrorThatSaysHowToMakeOne) {
  const auto handle = open(uri())->current();
  EXPECT_EQ(handle.code(), Code::kNotFound);
  EXPECT_THAT(std::string(handle.status().message()), AllOf(HasSubstr(name_), HasSubstr("create=true")));
}

TEST_F(KmipProvider, CreateMakesTheKeyOnceAndEverybodyFindsIt) {
  const RootKeyHandle made = current(*open(uri("create=true")));
  EXPECT_EQ(current(*open(uri("create=true"))), made);
  EXPECT_EQ(current(*open(uri())), made);
  EXPECT_THAT(*operator_.locate({name_, {}}), testing::ElementsAre(id_of(made)));
}

TEST_F(KmipProvider, ManyWhoCreateAtOnceAgreeOnOneKey) {
  constexpr size_t kMakers = 6;
  std::vector<std::thread> threads;
  std::vector<std::string> ids(kMakers);
  for (size_t i = 0; i < kMakers; ++i) {
    threads.emplace_back([&, i] { ids[i] = id_of(current(*open(uri("create=true&use=encrypt")))); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(ids, testing::Each(ids[0]));
  EXPECT_THAT(*operator_.locate({name_, {}}), testing::ElementsAre(ids[0])) << "those that lost are gone";
}

TEST_F(KmipProvider, AKeyOfAnotherStrengthIsRefusedAndBothAreNamed) {
  make_key(128);
  const auto handle = open(uri("create=true"))->current();
  EXPECT_EQ(handle.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(handle.status().message()), AllOf(HasSubstr("AES-128"), HasSubstr("AES-256")));
  EXPECT_TRUE(open(uri("strength=128"))->current());
}

TEST_F(KmipProvider, TheNewestActiveKeyOfTheNamespaceIsTaken) {
  make_key(256, "tenant-7");
  const std::string newest = make_key(256, "tenant-7");
  make_key(256, "tenant-8");
  EXPECT_EQ(id_of(current(*open(uri("namespace=tenant-7")))), newest);
  NewKey idle;
  idle.name = name_;
  idle.space.name = "tenant-7";
  ASSERT_TRUE(operator_.create(idle));
  EXPECT_EQ(id_of(current(*open(uri("namespace=tenant-7")))), newest) << "one that is not activated is none";
  EXPECT_EQ(open(uri("namespace=tenant-9"))->current().code(), Code::kNotFound);
}

TEST_F(KmipProvider, AfterARevocationANewKeyIsMadeAndTheOldOneStillUnwraps) {
  for (const char* use : {"use=get&create=true", "use=encrypt&create=true"}) {
    const Provider provider = open(uri(use));
    const RootKeyHandle old = current(*provider);
    const WrappedKeyringKey wrapped = wrap(*provider, old);
    revoke(id_of(old), RevocationReason::kKeyCompromise);
    const RootKeyHandle fresh = current(*provider);
    EXPECT_NE(id_of(fresh), id_of(old));
    EXPECT_TRUE(unwraps(*provider, old, wrapped)) << use;
    const auto refused = provider->wrap(old, context_, key_);
    EXPECT_EQ(refused.code(), Code::kKeyUnavailable);
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("it is compromised"));

    ASSERT_TRUE(operator_.destroy(id_of(old)));
    const auto lost = provider->unwrap(old, context_, wrapped);
    EXPECT_EQ(lost.code(), Code::kKeyUnavailable);
    EXPECT_THAT(std::string(lost.status().message()), AllOf(HasSubstr("destroyed"), HasSubstr(id_of(old))));
    revoke(id_of(fresh));
  }
}

TEST_F(KmipProvider, TheKeyStaysInAServerThatEncryptsAndComesFromOneThatDoesNot) {
  make_key();
  const Provider provider = open(uri());
  EXPECT_THAT(provider->describe(), HasSubstr("if that can encrypt"));
  const RootKeyHandle handle = current(*provider);
  EXPECT_EQ(decode_handle(handle)->way, KeyWay::kInService);
  EXPECT_THAT(provider->describe(), HasSubstr("stays in the server (Encrypt, Decrypt)"));
  EXPECT_THAT(provider->describe(handle), HasSubstr("kept in the server"));
  EXPECT_EQ(wrap(*provider, handle).algorithm, 2);

  const Provider older = open(uri("kmip_version=1.2"));
  const RootKeyHandle fetched = current(*older);
  EXPECT_EQ(decode_handle(fetched)->way, KeyWay::kFetched);
  EXPECT_THAT(older->describe(), HasSubstr("fetched (Get): the server speaks KMIP 1.2"));
  const WrappedKeyringKey wrapped = wrap(*older, fetched);
  EXPECT_EQ(wrapped.algorithm, 1);
  EXPECT_TRUE(unwraps(*provider, fetched, wrapped)) << "the handle says how, not the URI";
}

TEST_F(KmipProvider, WhatIsKeptIsServedWithoutTheServerAndRefreshed) {
  const Provider provider = open(uri("key_cache_millis=300&create=true&use=get"));
  const RootKeyHandle old = current(*provider);
  const WrappedKeyringKey wrapped = wrap(*provider, old);
  revoke(id_of(old));
  EXPECT_TRUE(eventually([&] { return id_of(current(*provider)) != id_of(old); })) << "a new one is made";
  EXPECT_TRUE(eventually([&] { return provider->wrap(old, context_, key_).code() == Code::kKeyUnavailable; }));
  EXPECT_TRUE(unwraps(*provider, old, wrapped));
  ASSERT_TRUE(operator_.destroy(id_of(old)));
  EXPECT_TRUE(eventually([&] { return provider->unwrap(old, context_, wrapped).code() == Code::kKeyUnavailable; }));
}

TEST_F(KmipProvider, ARevokedKeyIsNoticedWhateverIsKept) {
  for (const char* use : {"get", "encrypt"}) {
    const std::string id = make_key();
    const Provider provider = open(uri(std::string("key_cache_millis=600000&use=") + use));
    const RootKeyHandle handle = current(*provider);
    const WrappedKeyringKey wrapped = wrap(*provider, handle);
    EXPECT_EQ(provider->check(handle).to_string(), Status().to_string());
    EXPECT_EQ(provider->check_interval(), std::chrono::minutes(10));
    revoke(id);
    const Status revoked = provider->check(handle);
    EXPECT_EQ(revoked.code(), Code::kKeyUnavailable) << use;
    EXPECT_THAT(std::string(revoked.message()), AllOf(HasSubstr("it is deactivated"), HasSubstr(id)));
    EXPECT_TRUE(unwraps(*provider, handle, wrapped)) << "what it has wrapped stays readable";
    ASSERT_TRUE(operator_.destroy(id));
    EXPECT_EQ(provider->check(handle).code(), Code::kKeyUnavailable);
  }
}

// What a coffer that stays open makes of it.
TEST_F(KmipProvider, AKeyThatIsRevokedIsFollowedByItsSuccessorWithoutARestart) {
  const std::string first = make_key();
  const ServerDirectory directory;
  const std::string path = directory.path() + "/c.coffer";
  Coffer::CreateOptions create;
  create.root_uri = uri("key_cache_millis=1000&use=get");
  const Status made = Coffer::create(Disk::posix(), path, create, open_provider);
  ASSERT_TRUE(made) << made.to_string();
  auto opened = Coffer::open(Disk::posix(), path, {}, open_provider);
  ASSERT_TRUE(opened) << opened.status().to_string();
  LiveKeyring& live = (*opened)->live_keyring();
  live.watch_root();
  revoke(first);
  ASSERT_TRUE(eventually([&] { return !live.condition().root_key.is_ok(); }));
  EXPECT_EQ(live.condition().root_key.code(), Code::kKeyUnavailable);
  uint64_t seen = 0;
  EXPECT_THAT(live.news_since(seen), HasSubstr("its root key may not go on protecting"));
  EXPECT_EQ(live.snapshot()->version(), 1u) << "there is no other key yet, and the coffer goes on";
  const std::string second = make_key();
  ASSERT_TRUE(eventually([&] { return live.snapshot()->version() == 2; })) << live.condition().root_key.to_string();
  EXPECT_EQ(id_of(live.header()->slots.front().handle), second);
  ASSERT_TRUE(eventually([&] { return live.condition().root_key.is_ok(); }));
  ASSERT_TRUE(operator_.destroy(first));
  EXPECT_TRUE(Coffer::open(Disk::posix(), path, {}, open_provider)) << "nothing needs the old key any more";
}

TEST_F(KmipProvider, AWeakKeyWrapsOnlyIfThatIsMeantAndOpensAllTheSame) {
  make_key(128);
  for (const char* use : {"strength=128&use=get", "strength=128&use=encrypt"}) {
    const Provider consenting = open(uri(std::string("allow_weak_root=true&") + use));
    const RootKeyHandle handle = current(*consenting);
    const WrappedKeyringKey wrapped = wrap(*consenting, handle);
    const Provider strict = open(uri(use));
    const auto refused = strict->wrap(handle, context_, key_);
    EXPECT_EQ(refused.code(), Code::kInvalidArgument) << use;
    EXPECT_THAT(std::string(refused.status().message()), AllOf(HasSubstr("128 bits"), HasSubstr("allow_weak_root")));
    EXPECT_TRUE(unwraps(*strict, handle, wrapped));
  }
}

TEST_F(KmipProvider, CipherSuitesHaveIanasNames) {
  GroupSettings settings = loopback_settings(provider_server_port());
  settings.tls.cipher_suites = {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"};
  EXPECT_TRUE(Client(HostGroup::create(settings).value()).query()) << "of TLS 1.2, which PyKMIP speaks";
  settings.tls.cipher_suites.emplace_back("TLS_AES_256_GCM_SHA384");
  EXPECT_TRUE(Client(HostGroup::create(settings).value()).query()) << "of both versions";
  settings.tls.cipher_suites = {"ECDHE-ECDSA-AES256-GCM-SHA384"};
  EXPECT_TRUE(Client(HostGroup::create(settings).value()).query()) << "OpenSSL's name";
  settings.tls.cipher_suites = {"TLS_AES_256_GCM_SHA384", "TLS_NO_SUCH_SUITE", "HIGH"};
  const auto unknown = HostGroup::create(settings);
  EXPECT_EQ(unknown.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("no TLS_NO_SUCH_SUITE, HIGH;"));
  settings.tls.cipher_suites = {"TLS_AES_256_GCM_SHA384"};
  settings.tls.protocol = "TLSv1.2";
  EXPECT_EQ(HostGroup::create(settings).code(), Code::kInvalidArgument) << "a suite that this version has not";
}

TEST_F(KmipProvider, AGroupThatTheStartRequiresIsAskedAlthoughNobodyUsesIt) {
  make_key();
  const std::string certificate = "    cert: " + certificates() + "/client.pem\n    key: " + certificates() +
                                  "/client.key\n    ca: " + certificates() + "/ca.pem\n";
  const auto yaml = [&](const std::string& port, const std::string& requires_what) {
    return "kmip_hosts:\n  unused:\n    hosts: 127.0.0.1:" + port + "\n    timeout_millis: 5000\n" + certificate +
           "    start_requires: " + requires_what + "\n";
  };
  const auto down = open_provider(uri(), configured(yaml("1", "all")));
  EXPECT_EQ(down.code(), Code::kProviderUnavailable);
  EXPECT_THAT(std::string(down.status().message()), AllOf(HasSubstr("start_requires"), HasSubstr("kmip group unused")));
  EXPECT_TRUE(open_provider(uri(), configured(yaml("1", "used"))));
  EXPECT_TRUE(open_provider(uri(), configured(yaml(std::to_string(provider_server_port()), "all"))));
}

TEST_F(KmipProvider, AKeptKeyOutlivesTheServer) {
  const ServerDirectory directory;
  auto server = start_pykmip(directory.path());
  const std::string options = "timeout_millis=3000&use=get&create=true&key_cache_millis=100";
  const Provider provider = open(loopback_uri(server->port(), name_, "client", options));
  const RootKeyHandle handle = current(*provider);
  const WrappedKeyringKey wrapped = wrap(*provider, handle);
  server.reset();
  std::this_thread::sleep_for(std::chrono::milliseconds(400));  // some refreshes fail
  EXPECT_TRUE(unwraps(*provider, handle, wrapped));
  EXPECT_EQ(current(*provider), handle);
}

TEST_F(KmipProvider, AChildOfForkHasNoUseForWhatItsParentKeepsAndOpensItsOwn) {
  std::string by_name = uri("key_cache_millis=100&create=true&use=get");  // for which the system's resolver is asked
  by_name.replace(by_name.find("127.0.0.1"), 9, "localhost");
  Provider provider = open(by_name);
  const RootKeyHandle handle = current(*provider);
  const WrappedKeyringKey wrapped = wrap(*provider, handle);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);  // it must not wait for anything of its parent's
    const bool refused = provider->unwrap(handle, context_, wrapped).code() == Code::kKeyUnavailable &&
                         provider->current().code() == Code::kKeyUnavailable;
    provider.reset();
    const bool unwrapped = open(by_name)->unwrap(handle, context_, wrapped).is_ok();
    _exit(refused && unwrapped ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_TRUE(unwraps(*provider, handle, wrapped));
}

// The resolver runs on threads that the child does not have, and that nobody may wait for there.
TEST_F(KmipProvider, AChildThatIsForkedOffAmidLookUpsClosesWhatIsAddressedByName) {
  constexpr int kChildren = 30;
  std::string by_name = uri("create=true&use=get");
  by_name.replace(by_name.find("127.0.0.1"), 9, "localhost");
  Provider kept = open(by_name);
  const RootKeyHandle handle = current(*kept);
  std::atomic<bool> enough{false};
  std::thread looking([&] {
    while (!enough) EXPECT_EQ(current(*open(by_name)), handle);  // which looks the name up
  });
  for (int i = 0; i < kChildren; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      kept.reset();
      _exit(0);
    }
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  enough = true;
  looking.join();
}

TEST_F(KmipProvider, AGroupOfTheConfigurationIsUsedByItsName) {
  make_key();
  const std::string yaml = "kmip_hosts:\n  prod:\n    hosts: 127.0.0.1:" + std::to_string(provider_server_port()) +
                           "\n    timeout: 10000\n    cert: " + certificates() +
                           "/client.pem\n    key: " + certificates() + "/client.key\n    ca: " + certificates() +
                           "/ca.pem\n";
  const Provider provider = open("kmip:prod/" + name_, yaml);
  ASSERT_NE(provider, nullptr);
  EXPECT_EQ(provider->uri(), "kmip:prod/" + name_);
  const RootKeyHandle handle = current(*provider);
  EXPECT_TRUE(unwraps(*provider, handle, wrap(*provider, handle)));
  EXPECT_THAT(provider->describe(), HasSubstr("kmip group prod (127.0.0.1:"));
}

TEST_F(KmipProvider, HostsThatFailAreNamedWithTheReason) {
  const std::string host = "127.0.0.1:" + std::to_string(provider_server_port());
  const auto message_of = [](const std::string& uri, Code code) {
    const auto handle = open(uri)->current();
    EXPECT_EQ(handle.code(), code) << handle.status().to_string();
    return std::string(handle.status().message());
  };
  const std::string nobody = "kmip://127.0.0.1:1/" + name_ + "?timeout_millis=500&" + certificate_options();
  EXPECT_THAT(message_of(nobody, Code::kProviderUnavailable), AllOf(HasSubstr("127.0.0.1:1"), HasSubstr("refused")));

  std::string other_ca = uri();
  other_ca.replace(other_ca.find("/ca.pem"), 7, "/stranger_ca.pem");
  EXPECT_THAT(message_of(other_ca, Code::kProviderUnavailable),
              AllOf(HasSubstr(host), HasSubstr("signed by"), HasSubstr("ca")));

  EXPECT_THAT(message_of(uri("", "stranger"), Code::kPermissionDenied),
              AllOf(HasSubstr(host), HasSubstr("not authorised")));

  const RootKeyHandle handle{current(*open(uri("create=true&use=get")))};
  const auto others = open(uri("use=get", "other_client"))->unwrap(handle, context_, {1, Bytes(40)});
  EXPECT_EQ(others.code(), Code::kPermissionDenied);
  EXPECT_THAT(std::string(others.status().message()), AllOf(HasSubstr(host), HasSubstr("Permission Denied")));
}

TEST_F(KmipProvider, HandlesOfEitherWayComeBackAndOthersDoNot) {
  const std::string fingerprint(16, 'f');
  const auto fetched = decode_handle(encode_handle("kmip", {fingerprint, std::string(255, 'x')}).value());
  ASSERT_TRUE(fetched);
  EXPECT_EQ(fetched->id, std::string(255, 'x'));
  EXPECT_EQ(fetched->way, KeyWay::kFetched);
  const auto kept = decode_handle(encode_handle("kmip", {"a-b"}).value());
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->id, "a-b");
  EXPECT_EQ(kept->way, KeyWay::kInService);
  for (const KeyFields& bad : {KeyFields{}, KeyFields{""}, KeyFields{std::string(256, 'x')}, KeyFields{"\xff"},
                               KeyFields{fingerprint, ""}, KeyFields{fingerprint, "a", "b"}}) {
    EXPECT_FALSE(decode_handle(encode_handle("kmip", bad).value()));
  }
  EXPECT_FALSE(decode_handle(encode_handle("vault", {"a-b"}).value()));
}

}  // namespace
}  // namespace coffer::kmip
