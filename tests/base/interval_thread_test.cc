#include "coffer/base/interval_thread.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

namespace coffer {
namespace {

using std::chrono::milliseconds;

// What the child's body returns.
int answer_of_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(IntervalThread, DoesItAgainAndAgainUntilItIsStopped) {
  std::atomic<int> times{0};
  IntervalThread thread;
  thread.start([&] { return ++times, milliseconds(1); });
  thread.start([&]() -> milliseconds {
    ADD_FAILURE() << "it runs already";
    return milliseconds(1000);
  });
  while (times < 3) std::this_thread::yield();
  thread.stop();
  const int done = times;
  std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(times, done);
}

TEST(IntervalThread, IsNotWaitedForThroughItsPause) {
  std::atomic<bool> begun{false};
  IntervalThread thread;
  thread.start([&] { return begun = true, std::chrono::hours(24); });
  while (!begun) std::this_thread::yield();
}

TEST(IntervalThread, IsNoneOfAChildsThatWasForkedOff) {
  std::atomic<bool> begun{false};
  auto thread = std::make_unique<IntervalThread>();
  thread->start([&] { return begun = true, std::chrono::hours(24); });
  while (!begun) std::this_thread::yield();
  EXPECT_FALSE(thread->is_forked());
  EXPECT_EQ(answer_of_child([&] {
              const bool is_forked = thread->is_forked();
              thread.reset();  // would wait for ever for a thread that it does not have
              return is_forked ? 0 : 1;
            }),
            0);
}

TEST(IntervalThread, BeginsInNoChildEither) {
  IntervalThread thread;
  EXPECT_EQ(answer_of_child([&] {
              std::atomic<bool> begun{false};
              thread.start([&] { return begun = true, milliseconds(1); });
              std::this_thread::sleep_for(milliseconds(20));
              return begun ? 1 : 0;
            }),
            0);
}

}  // namespace
}  // namespace coffer
