// Memory for secrets: what of it is locked, and what a child of fork() finds.
#include "coffer/base/secret.h"

#include <gtest/gtest.h>

#include <vector>

#include "coffer/base/per_process.h"
#include "support/forked_child.h"

namespace coffer {
namespace {

constexpr size_t kLimit = 64 * 1024;

TEST(SecretMemory, IsZeroWhenHandedOutAndAlignedForEveryKey) {
  for (size_t size : {1u, 16u, 32u, 64u, 65u, 240u, 1008u, 1024u, 1025u, 5000u, 100'000u}) {
    for (int again = 0; again < 3; ++again) {
      SecretBytes secret(size);
      ASSERT_EQ(secret.size(), size);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(secret.reveal().data()) % 64, 0u);
      for (uint8_t byte : secret.reveal()) ASSERT_EQ(byte, 0);
      std::ranges::fill(secret.reveal_mutable(), uint8_t{0xa5});
    }
  }
}

TEST(SecretMemory, LocksWhatItCanAndCountsTheRest) {
  if (!kMemoryIsLocked) GTEST_SKIP() << "in the plain build only";
  in_child([] {
    limit_locked_memory(kLimit);
    std::vector<SecretBytes> secrets;
    for (int i = 0; i < 2000; ++i) secrets.emplace_back(64);
    const SecretMemoryStats full = secret_memory_stats();
    EXPECT_EQ(full.locked_bytes, kLimit);
    EXPECT_EQ(locked_memory(), kLimit);
    EXPECT_EQ(full.unlocked_bytes, 2000 * 64 - kLimit);
    secrets.clear();
    EXPECT_EQ(secret_memory_stats().unlocked_bytes, 0u);
    EXPECT_EQ(secret_memory_stats().locked_bytes, kLimit);
    // Locked blocks that came back go out first.
    for (int i = 0; i < 1000; ++i) secrets.emplace_back(64);
    EXPECT_EQ(secret_memory_stats().unlocked_bytes, 0u);
  });
}

TEST(SecretMemory, LeavesLargeSecretsUnlockedRatherThanFailing) {
  if (!kMemoryIsLocked) GTEST_SKIP() << "in the plain build only";
  in_child([] {
    limit_locked_memory(kLimit);
    SecretBytes large(100'000);
    EXPECT_GE(secret_memory_stats().unlocked_bytes, 100'000u);
    large = SecretBytes();
    EXPECT_EQ(secret_memory_stats().unlocked_bytes, 0u);
  });
}

TEST(SecretMemory, GivesWhoCanDoWithoutNoMoreThanItCanSpare) {
  if (!kMemoryIsLocked) GTEST_SKIP() << "in the plain build only";
  in_child([] {
    limit_locked_memory(kLimit);
    std::vector<SecretBytes> spared;
    for (SecretBytes next = SecretBytes::where_roomy(1024); !next.empty(); next = SecretBytes::where_roomy(1024)) {
      spared.push_back(std::move(next));
    }
    EXPECT_EQ(spared.size(), 16u);
    EXPECT_EQ(secret_memory_stats().unlocked_bytes, 0u);
    spared.pop_back();
    EXPECT_FALSE(SecretBytes::where_roomy(1000).empty());
    // None is locked at all: none to spare.
    const rlimit none{0, 0};
    setrlimit(RLIMIT_MEMLOCK, &none);
    EXPECT_TRUE(SecretBytes::where_roomy(512).empty());
  });
}

TEST(SecretMemory, IsEmptyInAChildWhichMayHaveSecretsOfItsOwn) {
  const SecretBytes parents = SecretBytes::copy_of(as_bytes("a secret of the parent"));
  const uint8_t* data = parents.reveal().data();
  const uint32_t number = process_number();
  in_child([&] {
    for (size_t i = 0; i < parents.size(); ++i) EXPECT_EQ(data[i], 0);
    EXPECT_NE(process_number(), number);
    const SecretBytes own = SecretBytes::copy_of(as_bytes("a secret of the child"));
    EXPECT_EQ(as_text(own.reveal()), "a secret of the child");
    in_child([&] { EXPECT_GT(process_number(), number + 1); });
  });
  EXPECT_EQ(as_text(parents.reveal()), "a secret of the parent");
  EXPECT_EQ(process_number(), number);
}

TEST(SecretMemory, AChildThatTakesItsParentsSecretForAKeyEnds) {
  const SecretBytes parents = SecretBytes::copy_of(as_bytes("secret"));
  EXPECT_DEATH((void)parents.reveal(), "required: a child of fork.. uses no key of its parent's");
}

TEST(PerProcess, IsMadeAnewInAChild) {
  static constinit PerProcess<int> value;
  value.get() = 7;
  in_child([] {
    EXPECT_EQ(value.get(), 0);
    value.get() = 8;
  });
  EXPECT_EQ(value.get(), 7);
}

}  // namespace
}  // namespace coffer
