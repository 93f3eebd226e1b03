// What is written under which key is counted by whoever writes, and kept beside the keyring.
#include <thread>

#include "coffer/files/disk_append_file.h"
#include "coffer/files/new_file.h"
#include "coffer/ops/metrics.h"
#include "coffer/ops/policy.h"
#include "coffer/store/key_usage.h"
#include "coffer/store/runs.h"
#include "coffer_fixture.h"

namespace coffer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class UsageTest : public CofferFixture {
 protected:
  std::string usage_path() const { return coffer_path() + "/usage"; }
  static Id active_key(const Coffer& coffer) { return coffer.keyring()->find_domain(kSystemDomain)->active()->id; }
  static KeyCounts of_active_key(Coffer& coffer) {
    auto total = coffer.usage().total();
    EXPECT_TRUE(total.is_ok()) << total.status().to_string();
    return total.is_ok() ? (*total)[active_key(coffer)] : KeyCounts();
  }
  static void seal_files(Coffer& coffer, int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(coffer.new_file({.kind = Kind::kLog}).is_ok());
  }
  void set_policy(const std::string& text) {
    const std::string path = coffer_path() + "/coffer.yaml", before = read(path);
    write(path, before.substr(0, before.find("policy:")) + text);
  }
};

TEST_F(UsageTest, EveryProgramsCountsAddUp) {
  const auto coffer = open_coffer();
  std::vector<std::thread> programs;
  for (int i = 0; i < 4; ++i) {
    programs.emplace_back([&] {
      const auto one = open_coffer();
      for (int round = 0; round < 5; ++round) {
        seal_files(*one, 3);
        one->usage().counter(active_key(*one))->wrote(1000);
        EXPECT_TRUE(one->usage().save().is_ok());
      }
      seal_files(*one, 1);  // saved as it goes
    });
  }
  for (std::thread& program : programs) program.join();
  EXPECT_EQ(of_active_key(*coffer), (KeyCounts{4 * 16, 4 * 5000}));
  seal_files(*coffer, 2);
  EXPECT_EQ(of_active_key(*coffer).seals, 4u * 16 + 2);
}

TEST_F(UsageTest, WhoCountsNothingWritesNothing) {
  { const auto coffer = open_coffer(); }
  EXPECT_FALSE(std::filesystem::exists(usage_path()));
  EXPECT_TRUE(Coffer::is_own_file("usage"));
  EXPECT_TRUE(Coffer::is_own_file("usage.lock"));
}

TEST_F(UsageTest, AFileOfTheCofferCountsWhatIsAppended) {
  const auto coffer = open_coffer();
  auto header = coffer->new_file({.kind = Kind::kBlocks, .chunk_log2 = 12});
  ASSERT_TRUE(header.is_ok());
  auto writer = new_writer(coffer, std::move(*header), EngineRole::kData);
  ASSERT_TRUE(writer.is_ok());
  const std::string path = db("data");
  auto file = disk().create(path, 0600);
  ASSERT_TRUE(file.is_ok());
  DiskAppendFile below(disk(), path, std::move(*file));
  const Bytes data(300'000, 7);
  ASSERT_TRUE((*writer)->append(data, below).is_ok());
  ASSERT_TRUE((*writer)->append(ByteView(data).first(1), below).is_ok());
  ASSERT_TRUE((*writer)->close(below).is_ok());
  EXPECT_EQ(of_active_key(*coffer), (KeyCounts{1, 300'001}));
}

TEST_F(UsageTest, WhatSomebodyElseWroteThereIsNotBelieved) {
  {
    const auto coffer = open_coffer();
    seal_files(*coffer, 5);
  }
  const std::string good = read(usage_path());
  ASSERT_THAT(good, HasSubstr("\"seals\":5"));
  const auto coffer = open_coffer();
  const auto refused = [&](const std::string& text) {
    write(usage_path(), text);
    const auto total = coffer->usage().total();
    return total.code() == Code::kTampered && total.status().message().find(usage_path()) != std::string_view::npos;
  };
  std::string fewer = good;
  fewer.replace(fewer.find("\"seals\":5"), 9, "\"seals\":4");
  EXPECT_TRUE(refused(fewer));
  for (size_t size = 0; size < good.size() - 1; ++size) EXPECT_TRUE(refused(good.substr(0, size))) << size;
  for (size_t at = 0; at < good.size() - 1; ++at) {
    std::string flipped = good;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    EXPECT_TRUE(refused(flipped)) << at;
  }
  // What is counted meanwhile is not lost, nor put in the place of what is there.
  seal_files(*coffer, 1);
  EXPECT_EQ(coffer->usage().save().code(), Code::kTampered);
  write(usage_path(), good);
  EXPECT_TRUE(coffer->usage().save().is_ok());
  EXPECT_EQ(of_active_key(*coffer).seals, 6u);
}

TEST_F(UsageTest, WhatIsKeptBelongsToWhomTheKeyringDoes) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  constexpr uid_t kServer = 65534;
  const std::string keyring = coffer_path() + "/keyring";
  ASSERT_EQ(chown(keyring.c_str(), kServer, kServer), 0);
  ASSERT_EQ(chmod(keyring.c_str(), 0640), 0);
  const auto coffer = open_coffer();
  const auto keep = [&] {
    seal_files(*coffer, 1);
    EXPECT_TRUE(coffer->usage().save().is_ok());
    coffer::Run(disk(), coffer_path(), "rewrap", "all").end({.files = 1}, 0, false);
  };
  keep();
  // One that a root of before left to himself is put right, too.
  ASSERT_EQ(chown(usage_path().c_str(), 0, 0), 0);
  ASSERT_EQ(chmod(usage_path().c_str(), 0600), 0);
  keep();
  for (const char* name : {"usage", "usage.lock", "runs", "runs.lock"}) {
    const auto info = disk().info(coffer_path() + "/" + name);
    ASSERT_TRUE(info.is_ok()) << name;
    EXPECT_EQ(info->owner, kServer) << name;
    EXPECT_EQ(info->group, kServer) << name;
    EXPECT_EQ(info->mode, 0640u) << name;
  }
}

TEST_F(UsageTest, WhoHoldsTheLockForLongKeepsNobodyFromClosing) {
  auto coffer = open_coffer();
  seal_files(*coffer, 2);
  auto held = disk().lock(usage_path() + ".lock", true);
  ASSERT_TRUE(held.is_ok());
  const Status saved = coffer->usage().save();
  EXPECT_EQ(saved.code(), Code::kBusy);
  EXPECT_THAT(std::string(saved.message()), AllOf(HasSubstr(usage_path() + ".lock"), HasSubstr("stands still")));
  EXPECT_EQ(of_active_key(*coffer).seals, 2u);  // still counted here
  coffer.reset();                               // ends, though there is nobody to let go
  EXPECT_FALSE(std::filesystem::exists(usage_path()));
  coffer = open_coffer();
  seal_files(*coffer, 3);
  held->reset();
  EXPECT_TRUE(coffer->usage().save().is_ok());
  EXPECT_THAT(read(usage_path()), HasSubstr("\"seals\":3"));
}

TEST_F(UsageTest, AnothersCountsAreNotBelieved) {
  {
    const auto coffer = open_coffer();
    seal_files(*coffer, 5);
    ASSERT_TRUE(coffer->clone_to(root_ + "/clone", open_provider).is_ok());
  }
  std::filesystem::copy(usage_path(), root_ + "/clone/usage");
  const auto clone = Coffer::open(disk(), root_ + "/clone", {}, open_provider);
  ASSERT_TRUE(clone.is_ok()) << clone.status().to_string();
  EXPECT_EQ((*clone)->usage().total().code(), Code::kTampered);
}

TEST_F(UsageTest, AKeyThatIsUsedUpIsRotated) {
  set_policy("policy: {rotation_period: off, max_seals: 3}\n");
  const auto coffer = open_coffer();
  seal_files(*coffer, 2);
  EXPECT_TRUE(plan_policy(*coffer)->empty());
  seal_files(*coffer, 1);
  auto due = plan_policy(*coffer);
  ASSERT_TRUE(due.is_ok() && due->size() == 1);
  EXPECT_THAT(due->front().why, HasSubstr("key 1 has sealed 3 headers, and max_seals is 3"));
  ASSERT_TRUE(apply_policy(*coffer).is_ok());
  EXPECT_EQ(coffer->keyring()->find_domain(kSystemDomain)->active()->version, 2u);
  EXPECT_TRUE(plan_policy(*coffer)->empty());
  set_policy("policy: {rotation_period: off, max_bytes: 1KiB}\n");
  coffer->usage().counter(active_key(*coffer))->wrote(1024);
  due = plan_policy(*coffer);
  ASSERT_TRUE(due.is_ok() && due->size() == 1);
  EXPECT_THAT(due->front().why, HasSubstr("1024 bytes were written under key 2, and max_bytes is 1KiB"));
}

TEST_F(UsageTest, AProgramThatServesRotatesAUsedUpKeyByItself) {
  set_policy("policy: {rotation_period: off, max_seals: 1}\n");
  const auto coffer = open_coffer();
  coffer->policy().enable();
  seal_files(*coffer, 1);
  // The first look may have come before the file was counted; the next one is a minute later.
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(3);
  while (open_coffer()->keyring()->find_domain(kSystemDomain)->active()->version == 1) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

TEST_F(UsageTest, MetricsSayWhatIsLeft) {
  set_policy("policy: {rotation_period: off, max_seals: 10, max_bytes: 1MiB}\n");
  const auto coffer = open_coffer();
  seal_files(*coffer, 4);
  coffer->usage().counter(active_key(*coffer))->wrote(1000);
  KeyringCondition condition = coffer->live_keyring().condition();
  const auto text = prometheus_text(*coffer, condition);
  ASSERT_TRUE(text.is_ok());
  const std::string labels = "{domain=\"system\",version=\"1\",state=\"active\"} ";
  EXPECT_THAT(*text, HasSubstr("coffer_key_seals_total" + labels + "4\n"));
  EXPECT_THAT(*text, HasSubstr("coffer_key_written_bytes_total" + labels + "1000\n"));
  EXPECT_THAT(*text, HasSubstr("coffer_key_seals_left" + labels + "6\n"));
  EXPECT_THAT(*text, HasSubstr("coffer_key_bytes_left" + labels + "1047576\n"));
  EXPECT_THAT(*text, HasSubstr("coffer_root_key{state=\"ok\"} 1\n"));
  EXPECT_EQ(text->find("coffer_key_seconds_left{"), std::string::npos);
  condition.root_key = Status(Code::kProviderUnavailable, "away");
  condition.root_key_since = 1'700'000'000;
  const auto away = prometheus_text(*coffer, condition);
  EXPECT_THAT(*away, HasSubstr("coffer_root_key{state=\"unreachable\"} 1\n"));
  EXPECT_THAT(*away, HasSubstr("coffer_root_key_trouble_since_seconds 1700000000\n"));
}

TEST(KeyBudget, TheNearestLimitIsThePercentage) {
  DomainKeyEntry key;
  key.activated = 1000;
  const KeyBudget left = budget_left(key, {.rotation_period = 100, .max_seals = 8}, {.seals = 6, .bytes = 1}, 1010);
  EXPECT_EQ(left.seconds, 90u);
  EXPECT_EQ(left.seals, 2u);
  EXPECT_EQ(left.bytes, std::nullopt);
  EXPECT_EQ(left.percent, 25u);
  key.expires = 1011;
  EXPECT_EQ(budget_left(key, {.rotation_period = 100}, {}, 1010).seconds, 1u);
  EXPECT_EQ(budget_left(key, {.rotation_period = 100}, {}, 2000).percent, 0u);
  EXPECT_EQ(budget_left(DomainKeyEntry(), {.rotation_period = std::nullopt}, {}, 10).percent, std::nullopt);
}

}  // namespace
}  // namespace coffer
