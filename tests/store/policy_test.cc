// A coffer that is in use keeps its keys as young as its policy wants them, by a thread of its own.
#include "coffer/ops/policy.h"

#include <thread>

#include "coffer/ops/keys.h"
#include "coffer/store/runs.h"
#include "coffer_fixture.h"
#include "support/comes.h"

namespace coffer {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

class PolicyWatchTest : public CofferFixture {
 protected:
  std::string config_path() const { return coffer_path() + "/coffer.yaml"; }
  void set_policy(const std::string& text) {
    const std::string before = read(config_path());
    write(config_path(), before.substr(0, before.find("policy:")) + text);
  }
  // Enabled, as by an engine; it begins when the first file is made.
  std::shared_ptr<Coffer> serving() {
    auto coffer = open_coffer();
    coffer->policy().enable();
    return coffer;
  }
  static bool make_file(Coffer& coffer) { return coffer.new_file({.kind = Kind::kLog}).is_ok(); }
  uint32_t version() { return open_coffer()->keyring()->find_domain(kSystemDomain)->active()->version; }
};

TEST_F(PolicyWatchTest, AProgramThatMakesNoMoreFilesRotatesAllTheSame) {
  set_policy("policy: {rotation_period: 1s}\n");
  const auto coffer = serving();
  ASSERT_TRUE(make_file(*coffer));
  EXPECT_TRUE(comes([&] { return version() >= 3; }));
  uint64_t seen = 0;
  EXPECT_THAT(coffer->policy().news_since(seen), HasSubstr("domain system was rotated: key"));
  EXPECT_TRUE(coffer->policy().condition().is_ok());
}

TEST_F(PolicyWatchTest, WhoOnlyReadsAndAnyToolChangesNoKey) {
  set_policy("policy: {rotation_period: 1s}\n");
  const auto reader = serving();
  const auto tool = open_coffer();
  ASSERT_TRUE(make_file(*tool));
  std::this_thread::sleep_for(milliseconds(2200));
  EXPECT_EQ(version(), 1u);
}

TEST_F(PolicyWatchTest, OfSeveralProgramsOneRotates) {
  set_policy("policy: {rotation_period: 2s}\n");
  std::vector<std::shared_ptr<Coffer>> programs;
  for (int i = 0; i < 4; ++i) programs.push_back(serving());
  for (const auto& program : programs) ASSERT_TRUE(make_file(*program));
  EXPECT_TRUE(comes([&] { return version() >= 2; }));
  programs.clear();
  // Each version of the keyring but the first is one rotation: nobody has saved one in vain.
  const auto keyring = open_coffer()->keyring();
  EXPECT_EQ(keyring->version(), keyring->find_domain(kSystemDomain)->keys.size());
}

TEST_F(PolicyWatchTest, APolicyThatIsWrongIsReportedAndTheOneBeforeGoesOn) {
  set_policy("policy: {rotation_period: 1s}\n");
  const auto coffer = serving();
  ASSERT_TRUE(make_file(*coffer));
  ASSERT_TRUE(comes([&] { return version() >= 2; }));
  const std::string good = read(config_path());
  write(config_path(), good.substr(0, good.find("policy:")) + "policy: {rotation_period: soon}\n");
  EXPECT_TRUE(comes([&] { return coffer->policy().condition().code() == Code::kInvalidArgument; }));
  EXPECT_THAT(std::string(coffer->policy().condition().message()), HasSubstr("rotation_period"));
  write(config_path(), good);
  EXPECT_TRUE(comes([&] { return coffer->policy().condition().is_ok(); }));
}

// As an engine has it, but looking more often.
class RootPolicyTest : public PolicyWatchTest {
 protected:
  std::shared_ptr<Coffer> watching(const std::string& policy) {
    set_policy(policy);
    auto coffer = open_coffer();
    coffer->live_keyring().look_at_least_every(milliseconds(20));
    coffer->policy().enable();
    coffer->live_keyring().watch_root();
    EXPECT_TRUE(make_file(*coffer));
    return coffer;
  }
  static Code making_a_file(Coffer& coffer) { return coffer.new_file({.kind = Kind::kLog}).code(); }
};

TEST_F(RootPolicyTest, WithoutItsRootKeyNoFileIsMadeUntilItIsBack) {
  const auto coffer = watching("policy: {on_revoked: read_only}\n");
  const auto old = coffer->new_file({.kind = Kind::kLog});
  std::filesystem::rename(root_ + "/root.key", root_ + "/away");
  EXPECT_TRUE(comes([&] { return making_a_file(*coffer) == Code::kKeyUnavailable; }));
  EXPECT_TRUE(coffer->unlock(old->envelope, "old").is_ok());
  std::filesystem::rename(root_ + "/away", root_ + "/root.key");
  EXPECT_TRUE(comes([&] { return making_a_file(*coffer) == Code::kOk; }));
}

TEST_F(RootPolicyTest, ByDefaultItGoesOn) {
  const auto coffer = watching("");
  std::filesystem::rename(root_ + "/root.key", root_ + "/away");
  ASSERT_TRUE(comes([&] { return !coffer->live_keyring().condition().root_key.is_ok(); }));
  EXPECT_GT(coffer->live_keyring().condition().root_key_since, 0u);
  EXPECT_EQ(making_a_file(*coffer), Code::kOk);
}

TEST_F(RootPolicyTest, WhereItCannotBeAskedFilesAreMadeUntilTheGraceIsOver) {
  const auto coffer = watching("policy: {on_revoked: read_only, on_outage: read_only, outage_grace: 2s}\n");
  const std::string good = read(config_path());
  write(config_path(), "version: 1\nroots: 7\n");  // nobody knows where it is
  ASSERT_TRUE(comes([&] { return !coffer->live_keyring().condition().root_key.is_ok(); }));
  EXPECT_EQ(making_a_file(*coffer), Code::kOk);
  EXPECT_TRUE(comes([&] { return making_a_file(*coffer) == Code::kProviderUnavailable; }));
  write(config_path(), good);
  EXPECT_TRUE(comes([&] { return making_a_file(*coffer) == Code::kOk; }));
}

TEST_F(PolicyWatchTest, WhatIsDueIsPlannedAndThenDoneOnce) {
  write(db("old"), sealed_file(Kind::kBlocks, "old"));
  ASSERT_OK(
      coffer_->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 1000); }));
  set_policy("policy: {rotation_period: 7d, old_files: rewrap, old_files_after: 1h}\n");
  auto due = plan_policy(*coffer_);
  ASSERT_OK(due);
  ASSERT_EQ(due->size(), 2u);
  EXPECT_EQ((*due)[0].what, DueAction::What::kRotate);
  EXPECT_EQ((*due)[1].what, DueAction::What::kRewrap);
  auto run = apply_policy(*coffer_);
  ASSERT_OK(run);
  EXPECT_EQ(run->done.size(), 2u);
  EXPECT_TRUE(run->problems.empty());
  EXPECT_EQ(take_inventory(*coffer_, {})->active.files, 1u);
  EXPECT_TRUE(plan_policy(*coffer_)->empty());
  EXPECT_TRUE(apply_policy(*coffer_)->done.empty());
}

// Keeps nobody out of stores, since nobody serves them here.
class Unserved final : public EngineRecords {
 public:
  Reliance reliance_on(Coffer&, const std::string&) const override { return Reliance::kUnknown; }
  std::string database_of(Disk&, const std::string&) const override { return {}; }
  Result<std::unique_ptr<FileLock>> keep_out(const std::string&) const override {
    return {Code::kInternal, "there is no database"};
  }
  bool in_use(const std::string&) const override { return false; }
};

TEST_F(PolicyWatchTest, FilesOfACompromisedKeyThatAreChangedInPlaceAreWrittenAnew) {
  write(db("pages"), sealed_file(Kind::kPages, "changed in place"));
  ASSERT_OK(
      coffer_->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 1000); }));
  ASSERT_OK(change_key(*coffer_, "system:1", KeyState::kCompromised));
  const auto plan = plan_reencryption(*coffer_);
  ASSERT_OK(plan);
  ASSERT_EQ(plan->size(), 1u);
  EXPECT_EQ((*plan)[0].files, 1u);
  const Unserved records;
  const auto run = apply_policy(*coffer_, {.records = &records});
  ASSERT_OK(run);
  ASSERT_EQ(run->reencrypted.size(), 1u);
  ASSERT_OK(run->reencrypted[0].status);
  EXPECT_TRUE(run->problems.empty());
  EXPECT_TRUE(plan_reencryption(*coffer_)->empty());
}

TEST_F(PolicyWatchTest, OldFilesGetOtherFileKeysWhereThePolicySaysSoThoseOfCompromisedKeysFirst) {
  const auto rotate = [&] {
    ASSERT_OK(
        coffer_->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 1000); }));
  };
  write(db("first"), sealed_file(Kind::kBlocks, "first"));
  rotate();
  write(db("second"), sealed_file(Kind::kBlocks, "second"));
  rotate();
  write(db("third"), sealed_file(Kind::kBlocks, "third"));
  ASSERT_OK(rewrap(*coffer_, {db("first")}, {}, nullptr));
  set_policy("policy: {rotation_period: off, old_files: reencrypt, old_files_after: 1h}\n");
  ASSERT_OK(change_key(*coffer_, "system:2", KeyState::kCompromised));
  const auto plan = plan_reencryption(*coffer_);
  ASSERT_OK(plan);
  const auto& due = *plan;
  // The first file, which was rewrapped, may have been under the second key as well.
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(std::pair(due[0].key(), due[0].files), std::pair(std::string("system:2"), uint64_t{2}));
  set_policy("policy: {rotation_period: off, old_files: lazy}\n");
  EXPECT_EQ(plan_reencryption(*coffer_)->size(), 1u);
  const Unserved records;
  auto run = apply_policy(*coffer_, {.records = &records});
  ASSERT_OK(run);
  ASSERT_EQ(run->reencrypted.size(), 1u);
  EXPECT_TRUE(run->reencrypted[0].status.is_ok()) << run->reencrypted[0].status.to_string();
  EXPECT_TRUE(plan_reencryption(*coffer_)->empty());
  // Now only by the policy.
  rotate();
  write(db("fourth"), sealed_file(Kind::kBlocks, "fourth"));
  rotate();
  EXPECT_TRUE(plan_reencryption(*coffer_)->empty());
  set_policy("policy: {rotation_period: off, domains: {system: {old_files: reencrypt, old_files_after: 1h}}}\n");
  const auto later = plan_reencryption(*coffer_);
  ASSERT_EQ(later->size(), 2u);
  EXPECT_EQ((*later)[0].key(), "system:3");
  EXPECT_EQ((*later)[0].files, 3u);
  EXPECT_EQ((*later)[1].key(), "system:4");
  EXPECT_THAT((*later)[1].why, HasSubstr("old_files is reencrypt after 1h"));
  run = apply_policy(*coffer_, {.records = &records});
  ASSERT_OK(run);
  EXPECT_EQ(run->reencrypted.size(), 2u);
  EXPECT_TRUE(run->problems.empty());
  EXPECT_TRUE(plan_reencryption(*coffer_)->empty());
  const auto runs = read_runs(disk(), coffer_path());
  ASSERT_OK(runs);
  EXPECT_EQ(runs->back().about, "2 keys in " + root_ + "/db") << "one walk through the store does both";
}

TEST_F(PolicyWatchTest, TwoDoNotApplyItAtOnceAndADomainThatIsNotThereIsAnError) {
  const auto lock = disk().lock(coffer_path() + "/policy.lock", false);
  ASSERT_OK(lock);
  EXPECT_EQ(apply_policy(*coffer_).code(), Code::kBusy);
  set_policy("policy: {domains: {nobody: {rotation_period: 1d}}}\n");
  EXPECT_EQ(plan_policy(*coffer_).code(), Code::kInvalidArgument);
  EXPECT_EQ(Coffer::open(disk(), coffer_path(), {}, open_provider).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace coffer
