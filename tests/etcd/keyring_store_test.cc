// A keyring in a real etcd: what every store owes, and what only this one can do.
#include "coffer/keys/keyring_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "coffer/providers/registry.h"
#include "keys/fixtures.h"
#include "keys/keyring_history.h"
#include "support/comes.h"

namespace coffer {
namespace {

using testing::HasSubstr;

// What etcdctl says.
std::string etcdctl(const std::string& words) {
  const std::string command = std::string(std::getenv("COFFER_TEST_ETCDCTL")) + " " + words + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  std::string out;
  char buffer[4096];
  for (size_t size = 0; (size = fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, size);
  pclose(pipe);
  return out;
}

SealedShard shard_of(uint8_t fill, size_t size) {
  SealedShard out;
  out.bytes.assign(size, fill);
  out.name = sha256(out.bytes).value();
  return out;
}

ShardEntry entry_of(const SealedShard& shard) {
  ShardEntry out;
  out.name = shard.name;
  out.size = static_cast<uint32_t>(shard.bytes.size());
  return out;
}

class EtcdStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(std::getenv("COFFER_TEST_ETCD"), nullptr) << "run it by ctest, which starts an etcd beside it";
    static int count = 0;
    prefix_ = "coffers/" + std::to_string(++count);
    store_ = open();
  }
  std::string uri() const {
    std::string out = std::getenv("COFFER_TEST_ETCD");
    return out.replace(out.find("coffers/PREFIX"), std::string_view("coffers/PREFIX").size(), prefix_);
  }
  std::unique_ptr<KeyringStore> open(const std::string& more = {}) const {
    auto out = open_keyring_store(parse_provider_uri(uri() + more).value(), {});
    EXPECT_TRUE(out.is_ok()) << out.status().to_string();
    return std::move(*out);
  }
  // Behind everybody's back.
  void put(const std::string& name, const std::string& value) const {
    EXPECT_THAT(etcdctl("put -- /" + prefix_ + "/" + name + " '" + value + "'"), HasSubstr("OK"));
  }
  std::string keys() const { return etcdctl("get --prefix --keys-only /" + prefix_ + "/"); }

  std::string prefix_;
  KeyringHistory history_;
  std::unique_ptr<KeyringStore> store_;
};

TEST_F(EtcdStoreTest, WhatIsSavedIsLoadedByOthers) {
  EXPECT_EQ(store_->load().code(), Code::kNotFound);
  ASSERT_TRUE(store_->save(history_.sealed(1), 0, "one\n").is_ok());
  ASSERT_TRUE(store_->save(history_.sealed(2), 1, "two\n").is_ok());
  const auto other = open();
  const auto loaded = other->load();
  ASSERT_TRUE(loaded.is_ok()) << loaded.status().to_string();
  EXPECT_EQ(loaded->header.version, 2u);
  EXPECT_EQ(loaded->sealed, history_.sealed(2));
  EXPECT_EQ(as_text(other->load_audit_log().value()), "one\ntwo\n");
  EXPECT_THAT(store_->name(), HasSubstr(prefix_ + "/keyring"));
}

TEST_F(EtcdStoreTest, TheExpectedVersionMustStandThere) {
  EXPECT_EQ(store_->save(history_.sealed(2), 1).code(), Code::kConflict) << "there is none";
  ASSERT_TRUE(store_->save(history_.sealed(1), 0).is_ok());
  EXPECT_EQ(store_->save(history_.sealed(1), 0).code(), Code::kConflict) << "there is one";
  ASSERT_TRUE(store_->save(history_.sealed(2), 1).is_ok());
  EXPECT_EQ(store_->save(history_.another(2), 1).code(), Code::kConflict);
  EXPECT_EQ(store_->save(history_.sealed(3), 1).code(), Code::kInvalidArgument);
  EXPECT_EQ(store_->save(as_bytes("no keyring"), 1).code(), Code::kInternal);
  KeyringHistory stranger(0xdd);
  EXPECT_EQ(store_->save(stranger.sealed(3), 2).code(), Code::kInvalidArgument);
  EXPECT_EQ(store_->load()->sealed, history_.sealed(2));
}

TEST_F(EtcdStoreTest, WhoeverSavesAtOnceIsOneAfterTheOther) {
  ASSERT_TRUE(store_->save(history_.sealed(1), 0).is_ok());
  constexpr int kThreads = 3, kEach = 4;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      const auto mine = open();
      for (int n = 0; n < kEach; ++n) {
        const auto saved = update_keyring(*mine, [](Keyring& keyring) { return keyring.rotate_domain("system", 2); });
        EXPECT_TRUE(saved.is_ok()) << saved.status().to_string();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto loaded = store_->load();
  EXPECT_EQ(loaded->header.version, 1u + kThreads * kEach);
  const auto keyring = KeyringCodec::open(loaded->sealed, history_key());
  EXPECT_EQ(keyring->find_domain("system")->keys.size(), 1u + kThreads * kEach) << "all have landed";
}

TEST_F(EtcdStoreTest, ShardsComeBeforeAndGoAfter) {
  // More than fits into one request.
  std::vector<SealedShard> first;
  for (uint8_t i = 0; i < 5; ++i) first.push_back(shard_of(i, 500'000));
  std::vector<Sha256> named;
  for (const SealedShard& shard : first) named.push_back(shard.name);
  ASSERT_TRUE(store_->save(history_.sealed(1), 0, "one\n", {first, named}).is_ok());
  const auto other = open();
  for (const SealedShard& shard : first) EXPECT_EQ(other->load_shard(entry_of(shard)).value(), shard.bytes);
  std::vector<SealedShard> second = {shard_of(9, 1000)};
  const std::vector<Sha256> then = {second[0].name, named[4]};
  ASSERT_TRUE(other->save(history_.sealed(2), 1, "two\n", {second, then}).is_ok());
  EXPECT_EQ(store_->load_shard(entry_of(second[0])).value(), second[0].bytes);
  EXPECT_EQ(store_->load_shard(entry_of(first[4])).value(), first[4].bytes);
  EXPECT_EQ(store_->load_shard(entry_of(first[0])).code(), Code::kNotFound);
  EXPECT_THAT(keys(), testing::Not(HasSubstr(to_hex(named[1]))));
}

TEST_F(EtcdStoreTest, AShardOfWhoLosesTheRaceDoesNoHarm) {
  ASSERT_TRUE(store_->save(history_.sealed(1), 0).is_ok());
  ASSERT_TRUE(store_->save(history_.sealed(2), 1).is_ok());
  const SealedShard mine = shard_of(7, 100);
  const std::vector<Sha256> named = {mine.name};
  EXPECT_EQ(store_->save(history_.another(2), 1, "", {{&mine, 1}, named}).code(), Code::kConflict);
  ASSERT_TRUE(store_->save(history_.sealed(3), 2).is_ok());
  EXPECT_THAT(keys(), testing::Not(HasSubstr("shards")));
}

TEST_F(EtcdStoreTest, WhatWasReplacedCanBeReadAtNoRevision) {
  const SealedShard shard = shard_of(3, 1000);
  const std::vector<Sha256> named = {shard.name};
  ASSERT_TRUE(store_->save(history_.sealed(1), 0, "one\n", {{&shard, 1}, named}).is_ok());
  const std::string there = etcdctl("get /" + prefix_ + "/keyring -w fields");
  const size_t at = there.find("\"ModRevision\" : ");
  ASSERT_NE(at, std::string::npos) << there;
  const uint64_t revision = std::strtoull(there.c_str() + at + 16, nullptr, 10);
  EXPECT_THAT(etcdctl("get --rev " + std::to_string(revision) + " /" + prefix_ + "/keyring"), HasSubstr("keyring"));
  ASSERT_TRUE(store_->save(history_.sealed(2), 1, "two\n").is_ok());
  ASSERT_TRUE(store_->forget_replaced().is_ok());
  for (const std::string& key : {std::string("keyring"), "shards/" + to_hex(shard.name)}) {
    EXPECT_THAT(etcdctl("get --rev " + std::to_string(revision) + " /" + prefix_ + "/" + key),
                HasSubstr("required revision has been compacted"));
  }
  EXPECT_TRUE(store_->forget_replaced().is_ok()) << "again";
  EXPECT_TRUE(open()->forget_replaced().is_ok()) << "nor does it matter who";
}

TEST_F(EtcdStoreTest, WhereEtcdIsNotToBeCompactedItSaysSo) {
  const auto store = open("&compact=false");
  ASSERT_TRUE(store->save(history_.sealed(1), 0).is_ok());
  EXPECT_EQ(store->forget_replaced().code(), Code::kUnsupported);
}

TEST_F(EtcdStoreTest, ChangesAreHeardOfUntilLoaded) {
  EXPECT_TRUE(store_->may_have_changed()) << "nothing was loaded yet";
  ASSERT_TRUE(store_->save(history_.sealed(1), 0).is_ok());
  ASSERT_TRUE(store_->load().is_ok());
  EXPECT_FALSE(store_->may_have_changed());
  const auto other = open();
  for (uint64_t version = 2; version < 5; ++version) {
    ASSERT_TRUE(other->save(history_.sealed(version), version - 1).is_ok());
    EXPECT_TRUE(comes([&] { return store_->may_have_changed(); }));
    EXPECT_TRUE(store_->may_have_changed()) << "until it is loaded";
    ASSERT_TRUE(store_->load().is_ok());
    EXPECT_FALSE(store_->may_have_changed());
  }
  etcdctl("del /" + prefix_ + "/keyring");
  EXPECT_TRUE(comes([&] { return store_->may_have_changed(); }));
  EXPECT_EQ(store_->load().code(), Code::kNotFound);
}

TEST_F(EtcdStoreTest, WhatIsNoKeyringIsReportedAndNeverReplaced) {
  put("keyring", "something else entirely");
  EXPECT_EQ(store_->load().code(), Code::kPlaintext);
  EXPECT_EQ(store_->save(history_.sealed(1), 0).code(), Code::kPlaintext);
  put("keyring", "");
  EXPECT_EQ(store_->load().code(), Code::kTruncated);
}

TEST_F(EtcdStoreTest, LimitsAreSaidBeforeAnythingIsWritten) {
  const SealedShard huge = shard_of(1, 2'000'000);
  const std::vector<Sha256> named = {huge.name};
  EXPECT_EQ(store_->save(history_.sealed(1), 0, "", {{&huge, 1}, named}).code(), Code::kLimitExceeded);
  EXPECT_EQ(store_->save(history_.sealed(1), 0, std::string(200'000, 'x')).code(), Code::kLimitExceeded);
  EXPECT_EQ(keys(), "");
}

TEST_F(EtcdStoreTest, WhoMayNotIsToldSo) {
  prefix_ = "elsewhere/1";
  EXPECT_EQ(open()->load().code(), Code::kPermissionDenied);
  prefix_ = "coffers/x";
  std::string wrong = uri();
  const size_t user = wrong.find("user=coffer");
  auto store = open_keyring_store(parse_provider_uri(wrong.replace(user, 11, "user=nobody")).value(), {});
  EXPECT_EQ((*store)->load().code(), Code::kPermissionDenied);
}

// Nothing that is said in etcd's place is more than an error.
TEST(EtcdLiar, WhateverIsAnsweredIsAnErrorAndNothingIsFollowed) {
  ASSERT_NE(std::getenv("COFFER_TEST_ETCD_LIAR"), nullptr) << "run it by ctest, which starts an etcd beside it";
  const std::string host = "etcd://127.0.0.1:" + std::string(std::getenv("COFFER_TEST_ETCD_LIAR"));
  KeyringHistory history;
  for (const std::string lie :
       {"empty", "html", "nothing", "cut", "base64", "otherkey", "norevision", "two", "negative", "none", "rubbish",
        "deep", "redirect", "refusal", "endless", "closes"}) {
    const std::string uri = host + "/" + lie + "/c?tls=false&timeout_millis=250";
    const auto store = open_keyring_store(parse_provider_uri(uri).value(), {}).value();
    const Code loaded = store->load().code();
    EXPECT_TRUE(loaded == Code::kTampered || loaded == Code::kProviderUnavailable || loaded == Code::kPlaintext ||
                loaded == Code::kAlreadyExists)
        << lie << ": " << store->load().status().to_string();
    EXPECT_FALSE(store->save(history.sealed(1), 0).is_ok()) << lie;
    EXPECT_FALSE(store->load_shard(entry_of(shard_of(1, 10))).is_ok() && lie != "rubbish") << lie;
    EXPECT_TRUE(store->may_have_changed()) << lie;
  }
}

TEST_F(EtcdStoreTest, UrisThatAreNoneAreRefused) {
  for (const char* text :
       {"etcd://h", "etcd://h/", "etcd:/x", "etcd:///x", "etcd://h,,i/x", "etcd://u:p@h/x", "etcd://h/x?nonsense=1",
        "etcd://h/x?user=a", "etcd://h/x?user=a&password=b", "kmip://h/x"}) {
    const auto parsed = parse_provider_uri(text);
    if (!parsed.is_ok()) continue;
    EXPECT_EQ(open_keyring_store(*parsed, {}).code(), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace coffer
