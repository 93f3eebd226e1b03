// A pair of PyKMIP servers on one database: whoever loses one of them in the middle of work goes on with the other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <ctime>
#include <functional>
#include <thread>

#include "coffer/config/key_file.h"
#include "coffer/crypto/random.h"
#include "coffer/providers/registry.h"
#include "coffer/store/coffer.h"
#include "providers/kmip/servers.h"

namespace coffer::kmip {
namespace {

using testing::HasSubstr;

class KmipPair : public testing::Test {
 protected:
  std::string uri(const std::string& options) const {
    return "kmip://127.0.0.1:" + std::to_string(first_port_) + ",127.0.0.1:" + std::to_string(second_->port()) +
           "/root?timeout_millis=5000&key_cache_millis=0&create=true&" + options + "&" + certificate_options();
  }
  void stop_first() { first_.reset(); }
  void start_first() { first_ = start_pykmip(directory_.path(), first_port_); }

  const ServerDirectory directory_;
  std::unique_ptr<ServerProcess> first_ = start_pykmip(directory_.path());
  const std::unique_ptr<ServerProcess> second_ = start_pykmip(directory_.path());
  const int first_port_ = first_->port();
};

// Wraps and unwraps until told to stop; whatever fails is a failure of the test.
class Worker {
 public:
  explicit Worker(RootKeyProvider& provider) : thread_([this, &provider] { work(provider); }) {}
  ~Worker() { finish(); }
  void finish() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // Waits until some more rounds are done.
  bool goes_on() const {
    const int from = rounds_;
    for (int i = 0; i < 600 && rounds_ < from + 3; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return rounds_ >= from + 3;
  }

 private:
  void work(RootKeyProvider& provider) {
    const WrapContext context{random_id().value(), random_id().value()};
    const KeyringKey key = random_key<KeyringRole>(32).value();
    while (!stop_) {
      const auto handle = provider.current();
      ASSERT_TRUE(handle) << handle.status().to_string();
      const auto wrapped = provider.wrap(*handle, context, key);
      ASSERT_TRUE(wrapped) << wrapped.status().to_string();
      const auto back = provider.unwrap(*handle, context, *wrapped);
      ASSERT_TRUE(back) << back.status().to_string();
      ASSERT_TRUE(std::ranges::equal(back->reveal(), key.reveal()));
      ++rounds_;
    }
  }

  std::atomic<bool> stop_ = false;
  std::atomic<int> rounds_ = 0;
  std::thread thread_;
};

TEST_F(KmipPair, WorkGoesOnWhenTheFirstServerIsKilledAndWhenItComesBack) {
  for (const char* use : {"get", "encrypt"}) {
    auto provider = open_provider(uri(std::string("use=") + use));
    ASSERT_TRUE(provider) << provider.status().to_string();
    ASSERT_TRUE((*provider)->current());  // made before, so that the two do not race
    Worker one(**provider), another(**provider);
    EXPECT_TRUE(one.goes_on() && another.goes_on());
    stop_first();
    EXPECT_TRUE(one.goes_on() && another.goes_on()) << "with the second server alone";
    start_first();
    EXPECT_TRUE(one.goes_on() && another.goes_on());
  }
}

TEST_F(KmipPair, BothHaveTheSameKeyWhicheverMadeIt) {
  stop_first();
  const auto made = (*open_provider(uri("use=get")))->current();
  ASSERT_TRUE(made) << made.status().to_string();
  start_first();
  const auto found = (*open_provider(uri("use=get")))->current();
  ASSERT_TRUE(found) << found.status().to_string();
  EXPECT_EQ(*found, *made);
}

TEST_F(KmipPair, AServerThatIsLongAwayIsWaitedForAsLongAsTimeIsGiven) {
  second_->kill();
  stop_first();
  std::string patient = uri("use=get");
  patient.replace(patient.find("timeout_millis=5000"), 19, "timeout_millis=60000");
  std::thread later([this] { start_first(); });  // which takes it a second or more
  const auto handle = (*open_provider(patient))->current();
  later.join();
  EXPECT_TRUE(handle) << handle.status().to_string();
}

// Two servers that have nothing in common: replicas of which one is behind.
class KmipStrangers : public testing::Test {
 protected:
  static Client client_of(const ServerProcess& server) { return loopback_client(server.port()); }
  static std::string make_key(const Client& client) {
    NewKey wanted;
    wanted.name = "root";
    const std::string id = client.create(wanted).value();
    EXPECT_TRUE(client.activate(id));
    return id;
  }
  std::unique_ptr<RootKeyProvider> open(const std::string& timeout_millis) const {
    return open_provider(
               "kmip://127.0.0.1:" + std::to_string(empty_->port()) + ",127.0.0.1:" + std::to_string(full_->port()) +
               "/root?use=get&key_cache_millis=0&timeout_millis=" + timeout_millis + "&" + certificate_options())
        .value();
  }

  const ServerDirectory first_, second_;
  const std::unique_ptr<ServerProcess> empty_ = start_pykmip(first_.path());
  const std::unique_ptr<ServerProcess> full_ = start_pykmip(second_.path());
};

TEST_F(KmipStrangers, WhatOneHostDoesNotHaveIsAskedOfTheOthers) {
  const Client full = client_of(*full_);
  const std::string id = make_key(full);
  const auto provider = open("20000");
  const auto handle = provider->current();
  ASSERT_TRUE(handle) << handle.status().to_string();
  const WrapContext context{random_id().value(), random_id().value()};
  const KeyringKey key = random_key<KeyringRole>(32).value();
  const auto wrapped = provider->wrap(*handle, context, key);
  ASSERT_TRUE(wrapped) << wrapped.status().to_string();
  EXPECT_TRUE(provider->unwrap(*handle, context, *wrapped));

  full_->suspend();
  const auto away = open("1500")->unwrap(*handle, context, *wrapped);
  EXPECT_EQ(away.code(), Code::kProviderUnavailable) << "the one that has it may be the one that is away";
  EXPECT_THAT(std::string(away.status().message()), HasSubstr("does not have it"));
  full_->resume();
  ASSERT_TRUE(full.revoke(id, RevocationReason::kCessation, "", 0));
  ASSERT_TRUE(full.destroy(id));
  EXPECT_EQ(provider->unwrap(*handle, context, *wrapped).code(), Code::kKeyUnavailable) << "now nobody has it";
  EXPECT_EQ(provider->current().code(), Code::kNotFound);
}

TEST_F(KmipPair, WhenBothAreAwayBothAreNamed) {
  std::string address = uri("use=get");
  address.replace(address.find("timeout_millis=5000"), 19, "timeout_millis=700");
  stop_first();
  second_->kill();
  const auto handle = (*open_provider(address))->current();
  EXPECT_EQ(handle.code(), Code::kProviderUnavailable);
  for (const int port : {first_port_, second_->port()}) {
    EXPECT_THAT(std::string(handle.status().message()), HasSubstr("127.0.0.1:" + std::to_string(port) + ": "));
  }
}

// With no server left, and a machine that is restarted.
TEST(KmipOutage, ARestartIsByTheLocalUnlockUntilTheServerSaysThatTheKeyIsRevoked) {
  const ServerDirectory directory;
  auto server = start_pykmip(directory.path());
  const int port = server->port();
  const Client by_hand = loopback_client(port);
  NewKey wanted;
  wanted.name = "root";
  wanted.bits = 256;
  const auto key = by_hand.create(wanted);
  ASSERT_TRUE(key) << key.status().to_string();
  ASSERT_TRUE(by_hand.activate(*key));
  const std::string path = directory.path() + "/c.coffer", unlock = directory.path() + "/unlock";
  ASSERT_TRUE(Disk::posix().make_directory(unlock, 0700));
  ASSERT_TRUE(generate_key_file(Disk::posix(), directory.path() + "/unlock.key", {}));
  const std::string options = "key_cache_millis=1000&timeout_millis=2000&use=get";
  Coffer::CreateOptions create;
  create.root_uri = "root-1";
  create.config_text = "version: 1\nroots: {root-1: {uri: '" + loopback_uri(port, "root", "client", options) +
                       "'}}\npolicy: {local_unlock: {key: 'file://" + directory.path() +
                       "/unlock.key', directory: " + unlock + "}}\n";
  const Status made = Coffer::create(Disk::posix(), path, create, open_provider);
  ASSERT_TRUE(made) << made.to_string();
  const auto eventually = [](const std::function<bool()>& holds) {
    for (int i = 0; i < 600 && !holds(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return holds();
  };
  std::string copy;
  const auto serve = [&] {
    auto coffer = Coffer::open(Disk::posix(), path, {}, open_provider);
    EXPECT_TRUE(coffer) << coffer.status().to_string();
    if (!coffer) return std::shared_ptr<Coffer>();
    (*coffer)->watch_keys();
    copy = unlock + "/" + (*coffer)->config().coffer_id.hex();
    return *coffer;
  };
  const auto has_copy = [&] { return Disk::posix().info(copy).is_ok(); };

  {
    const auto before = serve();
    ASSERT_NE(before, nullptr);
    ASSERT_TRUE(eventually(has_copy)) << before->live_keyring().condition().root_memory.to_string();
  }
  server.reset();
  const auto serving = serve();
  ASSERT_NE(serving, nullptr);
  const LiveKeyring& live = serving->live_keyring();
  EXPECT_TRUE(live.condition().opened_locally);
  server = start_pykmip(directory.path(), port);
  ASSERT_TRUE(eventually([&] { return !live.condition().opened_locally; })) << live.condition().root_key.to_string();
  EXPECT_TRUE(has_copy());

  ASSERT_TRUE(by_hand.revoke(*key, RevocationReason::kCessation, "test", std::time(nullptr)));
  ASSERT_TRUE(eventually([&] { return !has_copy(); })) << live.condition().root_key.to_string();
  server.reset();
  EXPECT_EQ(Coffer::open(Disk::posix(), path, {}, open_provider).code(), Code::kProviderUnavailable);
}

}  // namespace
}  // namespace coffer::kmip
