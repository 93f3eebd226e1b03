// The time of day, as keyrings and answers tell it.
#pragma once

#include <cstdint>
#include <ctime>

namespace coffer {

// Unix seconds.
inline uint64_t now_seconds() { return static_cast<uint64_t>(std::time(nullptr)); }
// Nanoseconds since the Unix epoch.
inline int64_t now_nanoseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}
// Between `from` and `now`; 0 when the clock went backwards.
inline uint64_t seconds_since(uint64_t from, uint64_t now) { return now > from ? now - from : 0; }

}  // namespace coffer
