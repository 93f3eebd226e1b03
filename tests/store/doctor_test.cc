#include "coffer/ops/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coffer {
namespace {

// A machine on which nothing is wrong.
MachineFacts sound_machine() {
  MachineFacts facts;
  facts.swaps = "Filename Type Size Used Priority\n/dev/dm-1 partition 1024 0 -2\n";
  facts.encrypted_swaps = {"/dev/dm-1"};
  facts.core_pattern = "core";
  facts.limits.core_is_zero = true;
  facts.secret_memory = {4096, 4096};
  return facts;
}

void expect_one(const MachineFacts& facts, bool wrong, const std::string& what) {
  const Findings found = examine_machine(facts);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].wrong, wrong);
  EXPECT_THAT(found[0].what, testing::HasSubstr(what));
}

TEST(Doctor, ASoundMachineHasNoFindings) { EXPECT_TRUE(examine_machine(sound_machine()).empty()); }

TEST(Doctor, KeysThatAreNotLockedAreWrong) {
  MachineFacts facts = sound_machine();
  facts.secret_memory.locked_bytes = 0;
  facts.limits.memlock = 1024;
  expect_one(facts, true, "only 0 of 4096 bytes with keys could be locked (limit: 1024)");
}

TEST(Doctor, TheLimitOfAnotherProcessIsJudgedByWhatTheCofferTakesHere) {
  MachineFacts facts = sound_machine();
  facts.secret_memory.locked_bytes = 0;  // of this process, which is not the one that is asked about
  facts.limits.process = "process 4711";
  facts.limits.memlock = 4096;
  EXPECT_TRUE(examine_machine(facts).empty());
  facts.limits.memlock = 4095;
  expect_one(facts, true, "process 4711 could not lock the 4096 bytes with keys");
  facts.limits.may_lock_more = true;
  EXPECT_TRUE(examine_machine(facts).empty());
}

TEST(Doctor, SwapInClearIsWrong) {
  MachineFacts facts = sound_machine();
  facts.swaps += "/swapfile\tfile\t1024\t0\t-3\n";
  expect_one(facts, true, "/swapfile: swap that is not encrypted");
}

TEST(Doctor, CoreDumpsAreToldOfWhereTheLimitOrAProgramAllowsThem) {
  MachineFacts facts = sound_machine();
  facts.limits.core_is_zero = false;
  expect_one(facts, false, "core dumps are on, to core");
  facts.limits.core_is_zero = true;
  facts.core_pattern = "|/usr/lib/handler";
  expect_one(facts, false, "core dumps are on, to |/usr/lib/handler");
}

}  // namespace
}  // namespace coffer
