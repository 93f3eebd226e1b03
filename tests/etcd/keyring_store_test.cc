// A keyring in a real etcd: what every store owes (the contract), and what only this one does.
#include "coffer/keys/keyring_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "coffer/providers/registry.h"
#include "io/temporary_directory.h"
#include "keys/keyring_store_contract.h"

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

// A prefix of its own for each.
std::string next_prefix() {
  static int count = 0;
  return "coffers/" + std::to_string(++count);
}

std::string uri_of(const std::string& prefix) {
  std::string out = std::getenv("COFFER_TEST_ETCD");
  return out.replace(out.find("coffers/PREFIX"), std::string_view("coffers/PREFIX").size(), prefix);
}

class EtcdPlace final : public ContractPlace {
 public:
  std::unique_ptr<KeyringStore> open() override {
    return open_keyring_store(parse_provider_uri(uri_of(prefix_)).value(), {}).value();
  }
  void put(ByteView stored) override {
    const std::string key = " /" + prefix_ + "/keyring", file = directory_ / "stored";
    EXPECT_TRUE(replace_file(Disk::posix(), file, stored, 0600).is_ok());
    EXPECT_NE(etcdctl(stored.empty() ? "del" + key : "put" + key + " < " + file), "");
  }

 private:
  const std::string prefix_ = next_prefix();
  TemporaryDirectory directory_;
};

INSTANTIATE_TEST_SUITE_P(Etcd, KeyringStoreContract, testing::Values([] { return std::make_unique<EtcdPlace>(); }));

class EtcdStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(std::getenv("COFFER_TEST_ETCD"), nullptr) << "run it by ctest, which starts an etcd beside it";
    prefix_ = next_prefix();
    store_ = open();
  }
  std::string uri() const { return uri_of(prefix_); }
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

TEST_F(EtcdStoreTest, AShardOfWhoLosesTheRaceDoesNoHarm) {
  ASSERT_TRUE(store_->save(history_.sealed(1), 0).is_ok());
  ASSERT_TRUE(store_->save(history_.sealed(2), 1).is_ok());
  const SealedShard mine = shard_filled(7, 100);
  const std::vector<Sha256> named = {mine.name};
  EXPECT_EQ(store_->save(history_.another(2), 1, "", {{&mine, 1}, named}).code(), Code::kConflict);
  ASSERT_TRUE(store_->save(history_.sealed(3), 2).is_ok());
  EXPECT_THAT(keys(), testing::Not(HasSubstr("shards")));
}

TEST_F(EtcdStoreTest, WhatWasReplacedCanBeReadAtNoRevision) {
  const SealedShard shard = shard_filled(3, 1000);
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

TEST_F(EtcdStoreTest, AnEmptyValueIsNoKeyring) {
  put("keyring", "");
  EXPECT_EQ(store_->load().code(), Code::kTruncated);
}

TEST_F(EtcdStoreTest, LimitsAreSaidBeforeAnythingIsWritten) {
  const SealedShard huge = shard_filled(1, 2'000'000);
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
    EXPECT_FALSE(store->load_shard(entry_of(shard_filled(1, 10))).is_ok() && lie != "rubbish") << lie;
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
