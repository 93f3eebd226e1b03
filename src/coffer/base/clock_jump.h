// Notices that the clocks moved apart: somebody set the time of day, or this process stood still while the world went
// on, as when a virtual machine or a checkpoint of a process is resumed. Who keeps nonces in memory has to fear that he
// is not the only one who was resumed.
#pragma once

#include <cstdint>
#include <ctime>

namespace coffer {

// Not thread-safe.
class ClockJump {
 public:
  // Whether the time of day has moved by a second more or less than the time since boot, since the last call. Slow
  // corrections do not count. Some ten nanoseconds.
  bool happened() {
    const int64_t apart = now(CLOCK_REALTIME_COARSE) - now(CLOCK_MONOTONIC_COARSE);
    const int64_t moved = apart - apart_;
    apart_ = apart;
    return moved > kSecond || moved < -kSecond;
  }

 private:
  static constexpr int64_t kSecond = 1'000'000'000;

  static int64_t now(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return time.tv_sec * kSecond + time.tv_nsec;
  }

  int64_t apart_ = now(CLOCK_REALTIME_COARSE) - now(CLOCK_MONOTONIC_COARSE);
};

}  // namespace coffer
