// How fast bytes go, by a clock that only the tests move.
#include "coffer/io/pace.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "support/memory_disk.h"
#include "support/seed.h"

namespace coffer {
namespace {

TEST(PaceTest, NoSecondHasATenthMoreThanItsShareNorLess) {
  Pace::Clock::time_point now{};
  Rate rate = 20'000'000;
  Pace pace({.rate = [&] { return rate; },
             .now = [&] { return now; },
             .sleep = [&](Pace::Clock::duration nap) { now += nap; }});
  std::map<int64_t, uint64_t> by_second;
  const auto second = [&] { return std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count(); };
  now += std::chrono::hours(1);
  const int64_t begin = second();
  ASSERT_TRUE(pace.wait_for(1).is_ok());
  while (second() < begin + 20) {
    if (second() >= begin + 10) rate = 3'000'000;
    const uint64_t piece = pace.piece_of(1 << 20);
    ASSERT_TRUE(pace.wait_for(piece).is_ok());
    by_second[second() - begin] += piece;
    now += std::chrono::microseconds(300);  // what the work takes
  }
  for (int64_t i = 1; i < 20; ++i) {
    if (i == 10) continue;  // the rate changes in it
    const double share = static_cast<double>(by_second[i]) / (i < 10 ? 20e6 : 3e6);
    EXPECT_GT(share, 0.9) << i;
    EXPECT_LT(share, 1.1) << i;
  }
}

// A third of each second the disk stands still, and sleeps are longer than was asked for.
TEST(PaceTest, ADiskThatStallsNowAndThenKeepsTheRate) {
  Pace::Clock::time_point now{std::chrono::hours(1)};
  Pace pace({.rate = [] { return Rate(8'000'000); },
             .now = [&] { return now; },
             .sleep = [&](Pace::Clock::duration nap) { now += nap + std::chrono::milliseconds(3); }});
  ASSERT_TRUE(pace.wait_for(1).is_ok());
  const Pace::Clock::time_point begin = now;
  uint64_t bytes = 0;
  for (int second = 1; second <= 60; ++second) {
    for (; now < begin + std::chrono::seconds(second); bytes += pace.piece_of(1 << 20)) {
      ASSERT_TRUE(pace.wait_for(pace.piece_of(1 << 20)).is_ok());
    }
    now += std::chrono::milliseconds(300);
  }
  const double seconds = std::chrono::duration<double>(now - begin).count();
  EXPECT_GT(static_cast<double>(bytes) / seconds, 0.95 * 8e6);
  EXPECT_LT(static_cast<double>(bytes) / seconds, 1.02 * 8e6);
}

// Work at a rate on a disk that takes its time, by a clock that only they move.
class PacedWork : public ::testing::Test {
 protected:
  using Clock = Pace::Clock;
  static constexpr uint64_t kMb = RateFile::kBytesPerMb;

  void SetUp() override { ASSERT_TRUE(pace_.wait_for(1).is_ok()); }

  // Files of this size, until so long has gone by: in pieces that take the disk their time, and a sync for each file.
  uint64_t work_for(std::chrono::duration<double> time, uint64_t file_size = uint64_t{64} << 20) {
    uint64_t out = 0;
    const Clock::time_point end = now_ + in_clock(time);
    while (now_ < end) {
      for (uint64_t left = file_size; left > 0 && now_ < end;) {
        const uint64_t piece = pace_.piece_of(std::min<uint64_t>(left, 256 << 10));
        EXPECT_TRUE(pace_.wait_for(piece).is_ok());
        by_tenth_[this_tenth()] += piece;
        now_ += in_clock(std::chrono::duration<double>(static_cast<double>(piece) / disk_speed_));
        out += piece;
        left -= piece;
      }
      now_ += sync_;
    }
    return out;
  }
  static double mb(uint64_t bytes) { return static_cast<double>(bytes) / kMb; }

  // Of any `tenths` of a second in a row, in MB.
  double most_in(int tenths) const {
    uint64_t most = 0, sum = 0;
    auto first = by_tenth_.begin();
    for (const auto& [tenth, bytes] : by_tenth_) {
      sum += bytes;
      while (first->first <= tenth - tenths) sum -= (first++)->second;
      most = std::max(most, sum);
    }
    return mb(most);
  }
  static Clock::duration in_clock(std::chrono::duration<double> time) {
    return std::chrono::duration_cast<Clock::duration>(time);
  }
  int64_t this_tenth() const { return now_.time_since_epoch() / std::chrono::milliseconds(100); }

  Clock::time_point now_{std::chrono::hours(1)};
  Rate rate_ = 20 * kMb;
  double disk_speed_ = 60.0 * kMb;
  Clock::duration sync_ = std::chrono::milliseconds(20);
  std::map<int64_t, uint64_t> by_tenth_;
  std::function<Rate()> rate_source_ = [this] { return rate_; };
  Pace pace_{{.rate = [this] { return rate_source_(); },
              .now = [this] { return now_; },
              .sleep = [this](Clock::duration nap) { now_ += nap; }}};
};

TEST_F(PacedWork, WhatADiskWasTooSlowForIsMadeUpForInTime) {
  uint64_t bytes = 0;
  for (int round = 0; round < 3; ++round) {
    disk_speed_ = 10.0 * kMb;
    bytes += work_for(std::chrono::seconds(20));
    disk_speed_ = 60.0 * kMb;
    bytes += work_for(std::chrono::seconds(280));
  }
  EXPECT_NEAR(mb(bytes) / 900, 20, 0.2);
  EXPECT_LE(most_in(600), 1.1 * 20 * 60);
  EXPECT_LE(most_in(10), 2.2 * 20);
}

// As long as a file takes, its sync does.
TEST_F(PacedWork, SyncsOfALoadedDiskAreMadeUpForAtOnce) {
  disk_speed_ = 200.0 * kMb;
  sync_ = std::chrono::milliseconds(450);
  EXPECT_NEAR(mb(work_for(std::chrono::seconds(60), 20 * kMb)), 20 * 60, 20 * 3);
}

TEST_F(PacedWork, ADiskThatStandsStillNowAndThenKeepsTheRateAsFarAsItCan) {
  for (const uint64_t seed : seeds(3)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    by_tenth_.clear();
    uint64_t bytes = 0;
    const Clock::time_point begin = now_;
    while (now_ < begin + std::chrono::minutes(20)) {
      bytes += work_for(std::chrono::milliseconds(10'000 + random() % 20'000));
      now_ += std::chrono::milliseconds(random() % 4'000);
    }
    const double seconds = std::chrono::duration<double>(now_ - begin).count();
    EXPECT_GT(mb(bytes) / seconds, 0.95 * 20);
    EXPECT_LE(mb(bytes) / seconds, 1.01 * 20);
    EXPECT_LE(most_in(600), 1.1 * 20 * 60);
  }
}

TEST_F(PacedWork, ManySmallFilesGoAtTheRateThatLargeOnesDo) {
  rate_ = kMb;
  now_ += std::chrono::seconds(1);
  sync_ = std::chrono::milliseconds(5);
  EXPECT_NEAR(mb(work_for(std::chrono::seconds(60), 12'000)), 60, 1);
}

TEST_F(PacedWork, OfAnHourThatItStoodStillAMinuteIsMadeUpFor) {
  now_ += std::chrono::hours(1);
  EXPECT_LE(mb(work_for(std::chrono::seconds(1))), 2.2 * 20);
  EXPECT_NEAR(mb(work_for(std::chrono::seconds(1999))), 20 * (1999 + 60), 20 * 2);
  EXPECT_NEAR(mb(work_for(std::chrono::seconds(100))), 20 * 100, 20);
}

TEST_F(PacedWork, ARateThatWasSetMeanwhileOwesNothingOfTheOneBefore) {
  now_ += std::chrono::minutes(1);
  for (const uint64_t rate : {400 * kMb, kMb / 2, 20 * kMb}) {
    disk_speed_ = 3 * static_cast<double>(rate);
    rate_ = rate;
    work_for(std::chrono::seconds(1));
    EXPECT_NEAR(mb(work_for(std::chrono::seconds(60))), mb(60 * rate), mb(rate)) << rate;
  }
}

// Whoever lets it stand still for an hour does not want the hour back, nor what was late before.
TEST_F(PacedWork, TimeStoodStillAsAskedIsNotMadeUpFor) {
  work_for(std::chrono::seconds(10));
  now_ += std::chrono::seconds(30);
  const Clock::time_point resumed = now_ + std::chrono::hours(1);
  rate_source_ = [&] { return now_ < resumed ? Rate(0) : Rate(20 * kMb); };
  EXPECT_LE(mb(work_for(resumed - now_ + std::chrono::seconds(10))), 20 * 11);
}

TEST(PaceTest, ARateOfNothingWaitsUntilItIsChangedOrStopped) {
  int naps = 0;
  bool stop = false;
  Pace::Clock::time_point now{std::chrono::hours(1)};
  Pace pace({.rate = [&] { return naps < 10 ? Rate(0) : Rate(); },
             .stop = [&] { return stop; },
             .now = [&] { return now; },
             .sleep = [&](Pace::Clock::duration nap) { now += nap, ++naps; }});
  ASSERT_TRUE(pace.wait_for(1000).is_ok());
  EXPECT_GE(naps, 10);
  stop = true;
  EXPECT_EQ(pace.wait_for(1).code(), Code::kBusy);
}

TEST(RateFileTest, IsFollowedWhileItChanges) {
  MemoryDisk disk;
  RateFile rates(disk, "/rate", Rate(5'000'000));
  EXPECT_EQ(rates.now(), Rate(5'000'000));
  ASSERT_TRUE(replace_file(disk, "/rate", as_bytes(std::string_view("0.5\n")), 0600).is_ok());
  EXPECT_EQ(rates.now(), Rate(500'000));
  for (const char* wrong : {"", "fast", "-1", "1e3", "nan", "inf", "1 MB", "99999999"}) {
    ASSERT_TRUE(replace_file(disk, "/rate", as_bytes(std::string_view(wrong)), 0600).is_ok());
    EXPECT_EQ(rates.now(), Rate(500'000)) << wrong;
    EXPECT_EQ(rates.trouble().code(), Code::kInvalidArgument) << wrong;
  }
  ASSERT_TRUE(replace_file(disk, "/rate", as_bytes(std::string_view("0")), 0600).is_ok());
  EXPECT_EQ(rates.now(), Rate(0));
  EXPECT_TRUE(rates.trouble().is_ok());
  ASSERT_TRUE(disk.remove("/rate").is_ok());
  EXPECT_EQ(rates.now(), Rate(5'000'000));
  EXPECT_EQ(RateFile(disk, "/rate", {}).now(), Rate());
}

}  // namespace
}  // namespace coffer
