// What is due by a policy, as a function of keyring, wishes and time.
#include "coffer/keys/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/base/period.h"
#include "keys/fixtures.h"

namespace coffer {
namespace {

using testing::HasSubstr;

constexpr uint64_t kDay = 86400;
constexpr uint64_t kStart = 1'000'000;

class PolicyTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(keyring_.add_domain("orders", kStart).is_ok()); }

  std::vector<std::string> rotations(uint64_t now) const {
    std::vector<std::string> out;
    for (const DueAction& action : due_rotations(keyring_, policy_, counts_, now)) out.push_back(action.domain);
    return out;
  }
  std::vector<DueAction> rewraps(uint64_t now, const std::set<Id>& needed) const {
    return due_rewraps(
        keyring_, policy_, [&](const Id& key) { return needed.contains(key); }, now);
  }
  Id active(std::string_view domain) const { return keyring_.find_domain(domain)->active()->id; }

  Keyring keyring_ = Keyring::create(id_of(1), kStart).value();
  Policy policy_;
  CountsByKey counts_;
};

TEST_F(PolicyTest, AKeyIsRotatedWhenItsTimeIsOverNeitherSoonerNorTwice) {
  EXPECT_EQ(rotations(kStart + 7 * kDay - 1), std::vector<std::string>{});
  EXPECT_EQ(rotations(kStart + 7 * kDay), (std::vector<std::string>{"system", "orders"}));
  ASSERT_TRUE(apply_rotations(keyring_, policy_, counts_, kStart + 7 * kDay).is_ok());
  EXPECT_EQ(keyring_.find_domain("orders")->active()->version, 2u);
  EXPECT_TRUE(apply_rotations(keyring_, policy_, counts_, kStart + 7 * kDay)->empty());
  EXPECT_EQ(rotations(kStart + 14 * kDay - 1), std::vector<std::string>{});
}

TEST_F(PolicyTest, ADomainMayHaveATimeOfItsOwnOrNone) {
  policy_.domains["orders"] = {.rotation_period = kDay};
  EXPECT_EQ(rotations(kStart + kDay), std::vector<std::string>{"orders"});
  policy_.domains["orders"] = {.rotation_period = std::nullopt};
  EXPECT_EQ(rotations(kStart + 1000 * kDay), std::vector<std::string>{"system"});
}

TEST_F(PolicyTest, AKeyThatHasSealedWhatItMayIsRotatedWhateverItsAge) {
  policy_.all.rotation_period.reset();
  policy_.all.max_seals = 10;
  policy_.domains["orders"] = {.rotation_period = std::nullopt, .max_bytes = 1000};
  counts_[active("system")] = {.seals = 9, .bytes = UINT64_MAX};
  counts_[active("orders")] = {.seals = UINT64_MAX, .bytes = 999};
  EXPECT_EQ(rotations(kStart), std::vector<std::string>{});
  counts_[active("system")].seals = 10;
  EXPECT_EQ(rotations(kStart), std::vector<std::string>{"system"});
  counts_[active("orders")].bytes = 1000;
  EXPECT_EQ(rotations(kStart), (std::vector<std::string>{"system", "orders"}));
  ASSERT_TRUE(apply_rotations(keyring_, policy_, counts_, kStart).is_ok());
  EXPECT_EQ(rotations(kStart), std::vector<std::string>{});
}

TEST_F(PolicyTest, AKeyThatNothingNeedsIsDestroyedWhenItsTimeIsOver) {
  const Id old_orders = active("orders"), old_system = active("system");
  ASSERT_TRUE(keyring_.rotate_domain("orders", kStart + 10).is_ok());
  ASSERT_TRUE(keyring_.change_key(old_system, KeyState::kCompromised, kStart + 20).is_ok());
  std::set<Id> needed;
  const auto destructions = [&](uint64_t now) {
    std::set<Id> out;
    for (const DueAction& action : due_destructions(
             keyring_, policy_, [&](const Id& key) { return needed.contains(key); }, now)) {
      out.insert(action.key);
    }
    return out;
  };
  EXPECT_TRUE(destructions(UINT64_MAX).empty());  // never, unless it was asked for
  policy_.all.destroy_after = 100;
  EXPECT_TRUE(destructions(kStart + 109).empty());
  EXPECT_EQ(destructions(kStart + 110), std::set<Id>{old_orders});
  EXPECT_EQ(destructions(kStart + 120), (std::set<Id>{old_orders, old_system}));
  needed = {old_orders};
  EXPECT_EQ(destructions(kStart + 120), std::set<Id>{old_system});
  policy_.domains["system"] = {.destroy_after = std::nullopt};
  EXPECT_TRUE(destructions(kStart + 120).empty());
  needed.clear();
  ASSERT_TRUE(keyring_.change_key(old_orders, KeyState::kDestroyed, kStart + 130).is_ok());
  EXPECT_TRUE(destructions(kStart + 1000).empty());
}

TEST_F(PolicyTest, AnExpiredKeyIsDueWhateverThePolicyAndAShreddedDomainNever) {
  policy_.all.rotation_period.reset();
  ASSERT_TRUE(keyring_.set_key_expiry(active("orders"), kStart + 5).is_ok());
  EXPECT_EQ(rotations(kStart + 4), std::vector<std::string>{});
  EXPECT_EQ(rotations(kStart + 5), std::vector<std::string>{"orders"});
  ASSERT_TRUE(keyring_.shred_domain("orders", kStart + 6).is_ok());
  EXPECT_EQ(rotations(kStart + 1000 * kDay), std::vector<std::string>{});
}

TEST_F(PolicyTest, AClockThatWasFarAheadKeepsNoKeyForEverAndOneThatGoesBackALittleDoesNoHarm) {
  EXPECT_EQ(rotations(kStart - kDay), std::vector<std::string>{});
  EXPECT_EQ(rotations(kStart - kDay - 1).size(), 2u);
  ASSERT_TRUE(apply_rotations(keyring_, policy_, counts_, 5).is_ok());
  EXPECT_EQ(rotations(5), std::vector<std::string>{});
  policy_.all.rotation_period = UINT64_MAX;
  EXPECT_EQ(rotations(UINT64_MAX - 1), std::vector<std::string>{});
  EXPECT_EQ(until_next_rotation(keyring_, policy_, 0, 60), 60u);
}

TEST_F(PolicyTest, TheTimeUntilTheNextRotationIsThatOfTheFirst) {
  policy_.domains["orders"] = {.rotation_period = 100};
  EXPECT_EQ(until_next_rotation(keyring_, policy_, kStart + 58, 60), 42u);
  EXPECT_EQ(until_next_rotation(keyring_, policy_, kStart, 60), 60u);
  EXPECT_EQ(until_next_rotation(keyring_, policy_, kStart + 200, 60), 0u);
}

TEST_F(PolicyTest, FilesAreRewrappedWhenTheirKeyIsOldEnoughAndNeeded) {
  const Id first = active("orders");
  policy_.all.old_files = OldFiles::kRewrap;
  policy_.all.old_files_after = 10;
  EXPECT_TRUE(rewraps(kStart + 100, {first}).empty()) << "active";
  ASSERT_TRUE(keyring_.rotate_domain("orders", kStart + 100).is_ok());
  EXPECT_TRUE(rewraps(kStart + 109, {first}).empty());
  EXPECT_TRUE(rewraps(kStart + 110, {}).empty()) << "needed by no file";
  const auto due = rewraps(kStart + 110, {first});
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].domain, "orders");
  EXPECT_THAT(due[0].why, HasSubstr("10s ago, and old_files is rewrap after 10s"));
  for (OldFiles other : {OldFiles::kLazy, OldFiles::kReencrypt}) {
    policy_.all.old_files = other;
    EXPECT_TRUE(rewraps(kStart + 1000 * kDay, {first}).empty()) << old_files_name(other);
  }
}

TEST_F(PolicyTest, FilesUnderACompromisedKeyAreDueAtOnceAndUnderASuspendedOneNever) {
  const Id first = active("orders");
  policy_.all.old_files = OldFiles::kRewrap;
  policy_.all.old_files_after = 0;
  ASSERT_TRUE(keyring_.change_key(first, KeyState::kSuspended, kStart + 1).is_ok());
  EXPECT_TRUE(rewraps(kStart + 100, {first}).empty());
  policy_.all.old_files = OldFiles::kLazy;
  ASSERT_TRUE(keyring_.change_key(first, KeyState::kCompromised, kStart + 2).is_ok());
  EXPECT_EQ(rewraps(kStart + 2, {first}).size(), 1u);
}

TEST_F(PolicyTest, FilesAreReencryptedWhenTheirKeyIsOldEnoughDestroyedOrNot) {
  const Id first = active("orders");
  const auto is_due = [&](uint64_t now) {
    const FoundKey found = keyring_.find_key(first);
    return is_reencryption_due(*found.domain, *found.entry, policy_.of("orders"), now);
  };
  policy_.domains["orders"] = {.old_files = OldFiles::kReencrypt, .old_files_after = 10};
  EXPECT_FALSE(is_due(kStart + 1000)) << "active";
  ASSERT_TRUE(keyring_.change_key(first, KeyState::kSuspended, kStart + 100).is_ok());
  EXPECT_FALSE(is_due(kStart + 1000)) << "it may be active again";
  ASSERT_TRUE(keyring_.change_key(first, KeyState::kDeactivated, kStart + 100).is_ok());
  EXPECT_FALSE(is_due(kStart + 109));
  EXPECT_TRUE(is_due(kStart + 110));
  EXPECT_EQ(why_reencrypt(*keyring_.find_key(first).entry, policy_.of("orders"), kStart + 110),
            "which was deactivated 10s ago, and old_files is reencrypt after 10s");
  ASSERT_TRUE(keyring_.lock_domain("orders", kStart + 110).is_ok());
  EXPECT_FALSE(is_due(kStart + 110)) << "nothing of it can be read";
  ASSERT_TRUE(keyring_.unlock_domain("orders").is_ok());
  ASSERT_TRUE(keyring_.change_key(first, KeyState::kDestroyed, kStart + 110).is_ok());
  EXPECT_TRUE(is_due(kStart + 110)) << "files that were rewrapped have the keys that it protected";
  policy_.domains["orders"].old_files = OldFiles::kRewrap;
  EXPECT_FALSE(is_due(kStart + 110));
}

TEST_F(PolicyTest, WhatACompromisedKeyProtectedIsReencryptedWhateverThePolicySays) {
  const Id first = active("orders");
  ASSERT_TRUE(keyring_.change_key(first, KeyState::kCompromised, kStart + 2).is_ok());
  for (OldFiles each : {OldFiles::kLazy, OldFiles::kRewrap, OldFiles::kReencrypt}) {
    policy_.all.old_files = each;
    const FoundKey found = keyring_.find_key(first);
    EXPECT_TRUE(is_reencryption_due(*found.domain, *found.entry, policy_.all, kStart + 2)) << old_files_name(each);
    EXPECT_EQ(why_reencrypt(*found.entry, policy_.all, kStart + 2), "which was compromised");
  }
}

TEST(RootPolicy, UnreachableIsNotRevoked) {
  for (Code code : {Code::kKeyUnavailable, Code::kWrongKey, Code::kPermissionDenied}) {
    EXPECT_EQ(root_trouble({code, "x"}), RootTrouble::kRevoked) << code_name(code);
  }
  for (Code code : {Code::kProviderUnavailable, Code::kIo, Code::kInvalidArgument, Code::kNotFound}) {
    EXPECT_EQ(root_trouble({code, "x"}), RootTrouble::kUnreachable) << code_name(code);
  }
  EXPECT_EQ(root_trouble({}), RootTrouble::kNone);
}

TEST(RootPolicy, WritingGoesOnUnlessThePolicySaysOtherwise) {
  const Status revoked(Code::kKeyUnavailable, "disabled"), away(Code::kProviderUnavailable, "no answer");
  EXPECT_TRUE(may_protect(revoked, 10, {}, 1'000'000'000).is_ok());
  EXPECT_TRUE(may_protect(away, 10, {}, 1'000'000'000).is_ok());
  const RootPolicy strict{.on_revoked = Reaction::kReadOnly, .on_outage = Reaction::kReadOnly, .outage_grace = 100};
  EXPECT_TRUE(may_protect({}, 0, strict, 1'000'000'000).is_ok());
  EXPECT_EQ(may_protect(revoked, 10, strict, 10).code(), Code::kKeyUnavailable);
  EXPECT_TRUE(may_protect(away, 10, strict, 109).is_ok());
  const Status late = may_protect(away, 10, strict, 110);
  EXPECT_EQ(late.code(), Code::kProviderUnavailable);
  EXPECT_THAT(std::string(late.message()), HasSubstr("unreachable since 1970-01-01T00:00:10Z"));
  EXPECT_THAT(std::string(late.message()), HasSubstr("until 1970-01-01T00:01:50Z, then no new files are made"));
  EXPECT_FALSE(may_protect(revoked, 10, strict, 5).is_ok()) << "the clock was set back";
  EXPECT_TRUE(may_protect(away, UINT64_MAX - 5, strict, 20).is_ok());
}

TEST(RootPolicy, WhatBecomesOfAProcessIsSaidWithItsTimes) {
  const Status revoked(Code::kPermissionDenied, "forbidden"), away(Code::kProviderUnavailable, "no answer");
  const RootPolicy policy{.on_revoked = Reaction::kFence, .on_outage = Reaction::kFence, .outage_grace = 100};
  const RootOutlook at_once = root_outlook(revoked, 10, policy);
  EXPECT_EQ(at_once.trouble, RootTrouble::kRevoked);
  EXPECT_EQ(at_once.from, 10u);
  EXPECT_EQ(reaction_at(at_once, 10), Reaction::kFence);
  EXPECT_THAT(outlook_text(at_once), HasSubstr("as on_revoked is fence"));
  const RootOutlook later = root_outlook(away, 10, policy);
  EXPECT_EQ(later.from, 110u);
  EXPECT_EQ(reaction_at(later, 109), Reaction::kWarn);
  EXPECT_EQ(reaction_at(later, 110), Reaction::kFence);
  EXPECT_THAT(outlook_text(later), HasSubstr("as on_outage is stop"));
  EXPECT_EQ(outlook_text(root_outlook({}, 0, policy)), "");
  EXPECT_THAT(outlook_text(root_outlook(away, 10, {})), HasSubstr("work goes on, as on_outage is warn"));
}

TEST(Period, IsReadAndWritten) {
  for (const auto& [text, seconds, back] :
       {std::tuple("0s", 0, "0s"), std::tuple("90s", 90, "90s"), std::tuple("60m", 3600, "1h"),
        std::tuple("36h", 36 * 3600, "36h"), std::tuple("2w", 14 * 86400, "14d")}) {
    EXPECT_EQ(parse_period(text), std::optional<uint64_t>(seconds)) << text;
    EXPECT_EQ(period_text(static_cast<uint64_t>(seconds)), back);
  }
  for (const char* bad :
       {"", "d", "7", "7 d", "-7d", "7D", "7dd", "1.5h", "99999999999999999999d", "36601d", "6000w"}) {
    EXPECT_EQ(parse_period(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace coffer
