#include "coffer/net/http/credential_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace coffer::http {
namespace {

using Cache = CredentialCache<int>;
using std::chrono::seconds;
using std::chrono::system_clock;

class Credentials : public testing::Test {
 protected:
  int get(Cache& cache, std::optional<seconds> life) {
    auto pointer = cache.get(std::chrono::steady_clock::now() + seconds(10), [&]() -> Result<Cache::Fetched> {
      std::optional<Cache::Time> expires;
      if (life.has_value()) expires = system_clock::now() + *life;
      return Cache::Fetched{++fetched_, expires};
    });
    return pointer.is_ok() ? **pointer : -1;
  }
  int fetched_ = 0;
};

TEST_F(Credentials, AreKeptWhileTheyLive) {
  Cache cache;
  EXPECT_EQ(get(cache, seconds(3600)), 1);
  EXPECT_EQ(get(cache, seconds(3600)), 1);
}

TEST_F(Credentials, ThatNeverExpireAreKept) {
  Cache cache;
  EXPECT_EQ(get(cache, std::nullopt), 1);
  EXPECT_EQ(get(cache, std::nullopt), 1);
}

TEST_F(Credentials, ThatHaveExpiredAreFetchedAnew) {
  Cache cache;
  EXPECT_EQ(get(cache, seconds(-5)), 1);
  EXPECT_EQ(get(cache, seconds(0)), 2);
  EXPECT_EQ(get(cache, seconds(3600)), 3);
}

TEST_F(Credentials, ThatLiveShorterThanTheMarginAreUsedForHalfOfIt) {
  Cache cache(seconds(60));
  EXPECT_EQ(get(cache, seconds(40)), 1);
  EXPECT_EQ(get(cache, seconds(40)), 1);
}

TEST_F(Credentials, ThatWereRefusedAreFetchedAnewUnlessSomebodyDid) {
  Cache cache;
  const auto fetch = [&]() -> Result<Cache::Fetched> { return Cache::Fetched{++fetched_, std::nullopt}; };
  const Cache::Pointer first = cache.get(std::chrono::steady_clock::now(), fetch).value();
  cache.drop(first);
  const Cache::Pointer second = cache.get(std::chrono::steady_clock::now(), fetch).value();
  EXPECT_EQ(*second, 2);
  cache.drop(first);
  EXPECT_EQ(cache.get(std::chrono::steady_clock::now(), fetch).value(), second) << "only the refused one is dropped";
}

TEST_F(Credentials, AFailureIsNotKept) {
  Cache cache;
  const auto fails = []() -> Result<Cache::Fetched> { return {Code::kPermissionDenied, "no"}; };
  EXPECT_EQ(cache.get(std::chrono::steady_clock::now(), fails).code(), Code::kPermissionDenied);
  EXPECT_EQ(get(cache, seconds(3600)), 1);
}

TEST_F(Credentials, AreFetchedByOneThreadForAllThatWait) {
  Cache cache;
  std::atomic<int> fetches{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      auto got = cache.get(std::chrono::steady_clock::now() + seconds(10), [&]() -> Result<Cache::Fetched> {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        return Cache::Fetched{++fetches, std::nullopt};
      });
      EXPECT_TRUE(got.is_ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fetches, 1);
}

TEST_F(Credentials, AreNotWaitedForBeyondTheDeadline) {
  Cache cache;
  std::atomic<bool> fetching{false}, done{false};
  std::thread slow([&] {
    auto got = cache.get(std::chrono::steady_clock::now() + seconds(10), [&]() -> Result<Cache::Fetched> {
      fetching = true;
      while (!done) std::this_thread::yield();
      return Cache::Fetched{1, std::nullopt};
    });
    EXPECT_TRUE(got.is_ok());
  });
  while (!fetching) std::this_thread::yield();
  const auto never = []() -> Result<Cache::Fetched> { return {Code::kInternal, "called twice at once"}; };
  EXPECT_EQ(cache.get(std::chrono::steady_clock::now() + milliseconds(20), never).code(), Code::kProviderUnavailable);
  done = true;
  slow.join();
}

}  // namespace
}  // namespace coffer::http
