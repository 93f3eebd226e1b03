#include "coffer/base/change_gate.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace coffer {
namespace {

using std::chrono::milliseconds;

TEST(ChangeGate, IsClosedOnlyWhenNobodyIsInside) {
  ChangeGate gate;
  gate.enter();
  EXPECT_FALSE(gate.close(deadline_in(milliseconds(5))));
  // It was not to be had, so all go on.
  ASSERT_TRUE(gate.try_enter());
  gate.leave();
  gate.leave();
  EXPECT_TRUE(gate.close(deadline_in(milliseconds(0))));
  EXPECT_FALSE(gate.try_enter());
  gate.open();
  gate.open();
  ASSERT_TRUE(gate.try_enter());
  gate.leave();
}

TEST(ChangeGate, WaitsForWhoIsInsideAndLetsInNobodyElse) {
  ChangeGate gate;
  gate.enter();
  std::atomic<bool> closed{false};
  std::thread closing([&] { closed = gate.close(deadline_in(std::chrono::minutes(1))); });
  while (gate.try_enter()) gate.leave();
  EXPECT_FALSE(closed);
  gate.leave();
  closing.join();
  EXPECT_TRUE(closed);
}

// Two numbers that are equal but in the middle of a change: who has the gate closed finds them so, and gets it closed
// although there is always somebody who wants in.
TEST(ChangeGate, ShowsNoChangeInTheMiddleUnderAStreamOfThem) {
  ChangeGate gate;
  std::atomic<uint64_t> changes{0};
  // One pair for each thread, changed by it alone; read here while the gate is closed.
  struct Pair {
    uint64_t one = 0, other = 0;
  };
  constexpr int kThreads = 4, kClosings = 20;
  std::vector<Pair> pairs(kThreads);
  std::atomic<bool> ended{false};
  std::vector<std::thread> threads;
  for (Pair& pair : pairs) {
    threads.emplace_back([&] {
      while (!ended) {
        const ChangeGate::Passage passage(gate);
        ++pair.one;
        ++changes;
        ++pair.other;
      }
    });
  }
  for (int i = 0; i < kClosings; ++i) {
    const uint64_t before = changes;
    while (changes == before) std::this_thread::yield();
    ASSERT_TRUE(gate.close(deadline_in(std::chrono::minutes(1))));
    const uint64_t now = changes;
    for (const Pair& pair : pairs) EXPECT_EQ(pair.one, pair.other);
    EXPECT_EQ(changes, now);
    gate.open();
  }
  ended = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace coffer
