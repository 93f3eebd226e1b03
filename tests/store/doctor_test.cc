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
  facts.key_memory = {{4096, 0}, 0};
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
  facts.key_memory.secrets.unlocked_bytes = 128;
  facts.limits.memlock = 1024;
  expect_one(facts, true, "key memory: 4096 bytes locked, 128 bytes with keys could not be (limit: 1024)");
}

TEST(Doctor, OfAnotherProcessTheLimitIsJudged) {
  MachineFacts facts = sound_machine();
  facts.key_memory.secrets.unlocked_bytes = 128;  // of this process, which is not the one that is asked about
  facts.limits.process = "process 4711";
  facts.limits.memlock = 64 * 1024;
  EXPECT_TRUE(examine_machine(facts).empty());
  facts.limits.memlock = 64 * 1024 - 1;
  expect_one(facts, true, "process 4711 may lock 65535 bytes of memory, and keys need up to 65536");
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
