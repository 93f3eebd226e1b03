// How fast bytes go, where somebody asked for a limit: evenly, by a rate that may change while they go. What was late
// is made up for, within bounds: a disk that is slow for a while makes nothing slower than was asked for.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <optional>

#include "coffer/io/disk.h"

namespace coffer {

// Bytes a second; 0: none for now; nullopt: as fast as it goes.
using Rate = std::optional<uint64_t>;

// The rate that is asked for: at first the one given, and whenever the file at `path` has changed, what that says, in
// MB/s. Where it cannot be read as a number the last rate stays; where it is removed, the first one is back.
class RateFile {
 public:
  static constexpr uint64_t kBytesPerMb = 1'000'000;

  // `at_first`: without it, the file counts as it is, and where there is none, `otherwise`.
  RateFile(Disk& disk, std::string path, Rate at_first, Rate otherwise = {});

  Rate now();
  // Ok, or why the file is not followed.
  const Status& trouble() const { return trouble_; }
  // "20", "0.5", "0". kInvalidArgument, naming `what`.
  static Result<uint64_t> parse(std::string_view text, const std::string& what);

 private:
  struct Seen {
    bool there = false;
    uint64_t inode = 0, size = 0;
    int64_t modified_ns = 0;
    bool operator==(const Seen&) const = default;
  };
  Seen look() const;
  void read();

  Disk& disk_;
  const std::string path_;
  const Rate at_first_;
  Rate rate_;
  Seen seen_;
  Status trouble_;
};

// Not thread-safe.
class Pace {
 public:
  using Clock = std::chrono::steady_clock;
  struct Surroundings {
    std::function<Rate()> rate = {};  // asked a few times a second; nothing: no limit
    std::function<bool()> stop = {};  // nothing: never
    std::function<Clock::time_point()> now = Clock::now;
    std::function<void(Clock::duration)> sleep = {};  // nothing: this thread does
  };

  explicit Pace(Surroundings surroundings);

  // Returns when so many bytes may go. kBusy: asked to stop.
  Status wait_for(uint64_t bytes);
  // In how small pieces bytes should go, of which there are `size`.
  uint64_t piece_of(uint64_t size) const;
  bool is_limited() const { return rate_.has_value(); }
  // 0 where it is not limited.
  uint64_t bytes_per_second() const { return rate_.value_or(0); }

 private:
  // When all that went would have gone at so many times the rate. What is later than `late_max` is not made up for.
  struct Schedule {
    double times_rate;
    Clock::duration late_max;
    Clock::time_point due;
  };
  void ask(Clock::time_point now);
  void forget(Clock::time_point now);
  // When the next bytes may go: all schedules hold.
  Clock::time_point next() const;

  const Surroundings around_;
  Rate rate_;
  Clock::time_point asked_{};
  std::array<Schedule, 3> schedules_;
};

}  // namespace coffer
