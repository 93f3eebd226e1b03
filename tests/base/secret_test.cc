// Memory for secrets: what of it is locked, and what a child of fork() finds; and for what was read with them.
#include "coffer/base/secret.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "coffer/base/per_process.h"
#include "coffer/base/scratch.h"
#include "support/forked_child.h"
#include "support/memory_search.h"

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

// Something that stands nowhere else, as plaintext that was opened in a scratch.
class Plaintext {
 public:
  explicit Plaintext(uint64_t seed) : seed_(seed) {}
  uint8_t at(size_t i) const {
    uint64_t mixed = ((seed_ << 32) + i) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return static_cast<uint8_t>(mixed >> 56);
  }
  void put(MutableBytes out) const {
    for (size_t i = 0; i < out.size(); ++i) out[i] = at(i);
  }
  bool is_in(ByteView bytes) const {
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (bytes[i] != at(i)) return false;
    }
    return true;
  }
  // How many copies there are.
  size_t count() const {
    uint8_t part[16];
    for (size_t i = 0; i < sizeof part; ++i) part[i] = at(kPart + i);
    const Needle needle({part, sizeof part});
    wipe(part, sizeof part);
    const FoundPlaces places = find(needle);
    return places.secret + places.other;
  }

 private:
  static constexpr size_t kPart = 1000;
  const uint64_t seed_;
};

TEST(ScratchMemory, WhatAThreadReadIsWipedWhileItDoesNothingAndWhenItEnds) {
  const Plaintext first(1), second(2);
  std::atomic<int> step{0};
  std::thread idle([&] {
    { first.put(Scratch(5000).bytes()); }
    step = 1;
    while (step < 2) std::this_thread::yield();
    { second.put(Scratch(5000).bytes()); }
  });
  while (step < 1) std::this_thread::yield();
  EXPECT_EQ(first.count(), 1u);
  Scratch::wipe_all();
  EXPECT_EQ(first.count(), 0u);
  step = 2;
  idle.join();
  EXPECT_EQ(second.count(), 0u);
}

TEST(ScratchMemory, OneThatIsInUseIsWipedAtItsEnd) {
  const Plaintext mine(3);
  {
    Scratch scratch(5000);
    mine.put(scratch.bytes());
    Scratch::wipe_all();
    Scratch::wipe_all();
    EXPECT_TRUE(mine.is_in(scratch.bytes()));
  }
  EXPECT_EQ(mine.count(), 0u);
}

TEST(ScratchMemory, OneThatIsNotKeptOrOutgrownLeavesNothing) {
  const Plaintext small(4), inner(5), innermost(6), large(7);
  {
    Scratch outer(5000);
    small.put(outer.bytes());
    Scratch second(5000);
    inner.put(second.bytes());
    { innermost.put(Scratch(5000).bytes()); }
    { large.put(Scratch(size_t{5} << 20).bytes()); }
    EXPECT_EQ(innermost.count() + large.count(), 0u);
    EXPECT_EQ(small.count() + inner.count(), 2u);
  }
  {
    Scratch larger(200'000), second(200'000);
  }
  EXPECT_EQ(small.count() + inner.count(), 0u);
}

TEST(Scratch, IsNobodyElsesWhileItIsInUse) {
  std::atomic<bool> stop{false};
  std::atomic<int> rounds{0};
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 3; ++i) {
    threads.emplace_back([&stop, &rounds, i] {
      for (uint64_t round = 0; !stop; ++round, ++rounds) {
        const Plaintext mine(10 + (i << 16) + round);
        Scratch scratch(300 + 40 * (round % 10));
        mine.put(scratch.bytes());
        ASSERT_TRUE(mine.is_in(scratch.bytes()));
      }
    });
  }
  while (rounds < 3000 && !HasFailure()) Scratch::wipe_all();
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace coffer
