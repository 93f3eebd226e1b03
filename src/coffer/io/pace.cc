#include "coffer/io/pace.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <thread>
#include <utility>

#include "coffer/base/text.h"

namespace coffer {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAskEvery{200};
constexpr milliseconds kNapMax{50};
// What a slow disk or a long sync kept from going is caught up with: two seconds of it soon, a minute of it in time,
// and no further. A minute has at most a tenth more than its share, and no instant goes faster than twice as fast:
// a file ends with a sync, in which nothing goes, and on a loaded disk that takes as long as the file did.
constexpr milliseconds kLateMax{60'000};
constexpr milliseconds kLateSoonMax{2000};
constexpr double kFaster = 1.05;
constexpr milliseconds kBurstMax{50};
constexpr double kPeak = 2.0;
constexpr uint64_t kPiecesPerSecond = 100;
constexpr uint64_t kPieceSizeMin = 4096;
constexpr double kMbPerSecondMax = 1e6;
constexpr size_t kRateFileSizeMax = 64;

}  // namespace

RateFile::RateFile(Disk& disk, std::string path, Rate at_first, Rate otherwise)
    : disk_(disk), path_(std::move(path)), at_first_(at_first ? at_first : otherwise), rate_(at_first_) {
  if (at_first.has_value()) seen_ = look();
}

RateFile::Seen RateFile::look() const {
  auto info = disk_.info(path_);
  if (!info.is_ok()) return {};
  return {.there = true, .inode = info->inode, .size = info->size, .modified_ns = info->modified_ns};
}

Rate RateFile::now() {
  const Seen seen = look();
  if (seen == seen_) return rate_;
  seen_ = seen;
  trouble_ = Status::ok();
  if (seen.there) {
    read();
  } else {
    rate_ = at_first_;
  }
  return rate_;
}

void RateFile::read() {
  auto text = read_file(disk_, path_, kRateFileSizeMax);
  if (!text.is_ok()) {
    trouble_ = text.status();
    return;
  }
  auto rate = parse(as_text(*text), path_);
  if (rate.is_ok()) {
    rate_ = *rate;
  } else {
    trouble_ = rate.status();
  }
}

Result<uint64_t> RateFile::parse(std::string_view text, const std::string& what) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  double mb = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mb, std::chars_format::fixed);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || !std::isfinite(mb) || mb < 0 ||
      mb > kMbPerSecondMax) {
    return {Code::kInvalidArgument, what + ": expected MB a second, as 20 or 0.5, not \"" + printable(text) + "\""};
  }
  return static_cast<uint64_t>(mb * static_cast<double>(kBytesPerMb));
}

Pace::Pace(Surroundings surroundings)
    : around_(std::move(surroundings)),
      schedules_{{{1.0, kLateMax, {}}, {kFaster, kLateSoonMax, {}}, {kPeak, kBurstMax, {}}}} {}

void Pace::ask(Clock::time_point now) {
  if (!around_.rate || (asked_ != Clock::time_point() && now - asked_ < kAskEvery)) return;
  asked_ = now;
  const Rate before = std::exchange(rate_, around_.rate());
  // Who was late at one rate is not so at another, nor who had just begun, was not limited, or stood still as asked.
  if (before != rate_ || !rate_.has_value() || *rate_ == 0) forget(now);
}

void Pace::forget(Clock::time_point now) {
  for (Schedule& each : schedules_) each.due = std::max(each.due, now);
}

Pace::Clock::time_point Pace::next() const {
  Clock::time_point out = schedules_[0].due;
  for (const Schedule& each : schedules_) out = std::max(out, each.due);
  return out;
}

Status Pace::wait_for(uint64_t bytes) {
  for (;;) {
    if (around_.stop && around_.stop()) return {Code::kBusy, "stopped as asked"};
    const Clock::time_point now = around_.now();
    ask(now);
    if (!rate_.has_value()) return Status::ok();
    if (*rate_ > 0 && next() <= now) {
      const std::chrono::duration<double> cost(static_cast<double>(bytes) / static_cast<double>(*rate_));
      for (Schedule& each : schedules_) {
        each.due = std::max(each.due, now - each.late_max) +
                   std::chrono::duration_cast<Clock::duration>(cost / each.times_rate);
      }
      return Status::ok();
    }
    const Clock::duration left = *rate_ > 0 ? next() - now : kNapMax;
    const Clock::duration nap = std::min<Clock::duration>(left, kNapMax);
    if (around_.sleep) {
      around_.sleep(nap);
    } else {
      std::this_thread::sleep_for(nap);
    }
  }
}

uint64_t Pace::piece_of(uint64_t size) const {
  if (!rate_.has_value()) return size;
  return std::min(size, std::max(*rate_ / kPiecesPerSecond, kPieceSizeMin));
}

}  // namespace coffer
