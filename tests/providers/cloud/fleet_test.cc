// Ten thousand nodes that are switched on at the same moment, and a key service that answers a thousand requests a
// second and 429 beyond. Time and chance are the test's own; what a node does is RetryPauses, with the times that
// HttpSettings has, after a wait as `policy: unlock_spread` has it.
#include <gtest/gtest.h>

#include <queue>
#include <random>

#include "coffer/net/http/http.h"
#include "coffer/net/http/retry.h"

namespace coffer::http {
namespace {

constexpr int kNodes = 10'000;
constexpr size_t kRequestsASecond = 1000;
constexpr milliseconds kLatency{20};

// Counts what came within the last second.
class Service {
 public:
  explicit Service(milliseconds up_at) : up_at_(up_at) {}
  bool answers(milliseconds now) {
    ++asked_;
    while (!served_.empty() && served_.front() <= now - milliseconds(1000)) served_.pop();
    const bool out = now >= up_at_ && served_.size() < kRequestsASecond;
    if (out) served_.push(now);
    refused_ += out ? 0 : 1;
    return out;
  }
  bool is_up(milliseconds now) const { return now >= up_at_; }
  size_t asked() const { return asked_; }
  size_t refused() const { return refused_; }

 private:
  const milliseconds up_at_;
  std::queue<milliseconds> served_;
  size_t asked_ = 0, refused_ = 0;
};

struct Node {
  milliseconds deadline;
  RetryPauses pauses;
};

struct Outcome {
  int unlocked = 0;
  milliseconds last{0};
  size_t asked = 0, refused = 0;
};

struct Fleet {
  milliseconds spread;          // policy: unlock_spread
  milliseconds retry_after{0};  // what a 429 says
  milliseconds service_up_at{0};
  milliseconds patience = HttpSettings().total_timeout;  // timeout_millis
};

Outcome run(const Fleet& fleet, uint32_t seed) {
  const HttpSettings settings;
  std::mt19937_64 random(seed);
  Service service(fleet.service_up_at);
  std::vector<Node> nodes;
  using Event = std::pair<milliseconds, size_t>;  // when which node's request arrives
  std::priority_queue<Event, std::vector<Event>, std::greater<>> arrivals;
  for (size_t i = 0; i < kNodes; ++i) {
    const milliseconds start(static_cast<int64_t>(random() % static_cast<uint64_t>(fleet.spread.count() + 1)));
    nodes.push_back({start + fleet.patience, RetryPauses(settings.pause_first, settings.pause_max)});
    arrivals.emplace(start + kLatency / 2, i);
  }
  Outcome out;
  while (!arrivals.empty()) {
    const auto [now, i] = arrivals.top();
    arrivals.pop();
    const milliseconds answered = now + kLatency / 2;
    if (service.answers(now)) {
      ++out.unlocked;
      out.last = answered;
      continue;
    }
    const milliseconds wanted = service.is_up(now) ? fleet.retry_after : milliseconds(0);
    const auto pause = nodes[i].pauses.next(wanted, nodes[i].deadline - answered, random());
    if (pause.has_value()) arrivals.emplace(answered + *pause + kLatency / 2, i);
  }
  out.asked = service.asked();
  out.refused = service.refused();
  return out;
}

TEST(Fleet, ThatSpreadsItsStartIsUnlockedWithinFifteenSecondsAndHardlyEverRefused) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    const Outcome out = run({.spread = milliseconds(12'000), .retry_after = milliseconds(1000)}, seed);
    EXPECT_EQ(out.unlocked, kNodes) << "seed " << seed;
    EXPECT_LE(out.last, milliseconds(15'000)) << "seed " << seed;
    EXPECT_LE(out.refused * 20, out.asked) << "seed " << seed;
  }
}

TEST(Fleet, ThatWaitsLongEnoughIsUnlockedByAServiceThatComesUpLate) {
  for (uint32_t seed = 1; seed <= 10; ++seed) {
    for (const milliseconds retry_after : {milliseconds(0), milliseconds(1000)}) {
      const Outcome out = run({.spread = milliseconds(12'000),
                               .retry_after = retry_after,
                               .service_up_at = milliseconds(4000),
                               .patience = milliseconds(30'000)},
                              seed);
      EXPECT_EQ(out.unlocked, kNodes) << "seed " << seed;
      EXPECT_LE(out.last, milliseconds(16'000)) << "seed " << seed;
    }
  }
}

// What the option is for: some nodes do not start.
TEST(Fleet, ThatDoesNotSpreadItsStartIsRefusedMostly) {
  const Outcome out = run({.spread = milliseconds(0), .retry_after = milliseconds(1000)}, 1);
  EXPECT_GT(out.refused * 2, out.asked);
  EXPECT_LT(out.unlocked, kNodes);
}

TEST(RetryPauses, LieBetweenHalfAStepAndTheWholeAndDouble) {
  RetryPauses least(milliseconds(100), milliseconds(400)), most(milliseconds(100), milliseconds(400));
  const milliseconds left(60'000);
  for (const int step : {100, 200, 400, 400}) {
    EXPECT_EQ(least.next(milliseconds(0), left, 0), milliseconds(step / 2));
    const auto span = static_cast<uint64_t>(step) / 2;
    EXPECT_EQ(most.next(milliseconds(0), left, span), milliseconds(step));
  }
}

TEST(RetryPauses, WaitWhatIsAskedForAndUpToAsMuchAgainButNotBeyondTheDeadline) {
  for (uint64_t random = 0; random < 5000; random += 7) {
    RetryPauses pauses(milliseconds(100), milliseconds(2000));
    const auto free = pauses.next(milliseconds(1000), milliseconds(60'000), random);
    ASSERT_TRUE(free.has_value());
    EXPECT_GE(*free, milliseconds(1000));
    EXPECT_LE(*free, milliseconds(2000));
    const auto tight = pauses.next(milliseconds(1000), milliseconds(1200), random);
    ASSERT_TRUE(tight.has_value());
    EXPECT_GE(*tight, milliseconds(1000));
    EXPECT_LT(*tight, milliseconds(1200));
    EXPECT_FALSE(pauses.next(milliseconds(1000), milliseconds(1000), random).has_value());
  }
}

}  // namespace
}  // namespace coffer::http
