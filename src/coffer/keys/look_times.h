// When a program looks at its root key again. Pure: `random` is any number.
#pragma once

#include <chrono>
#include <cstdint>

namespace coffer {

// So that a fleet whose nodes started together does not look together.
inline std::chrono::milliseconds next_look_in(std::chrono::milliseconds interval, uint64_t random) {
  const auto quarter = static_cast<uint64_t>(interval.count() / 4);
  return interval - std::chrono::milliseconds(static_cast<int64_t>(random % (quarter + 1)));
}

// Of who has started without asking for the root key: one of a fleet looks soon, for all.
inline std::chrono::milliseconds first_look_in(std::chrono::milliseconds interval, uint64_t random) {
  return std::chrono::milliseconds(static_cast<int64_t>(random % static_cast<uint64_t>(interval.count() + 1)));
}

// How old another's look may be to stand for one's own. A node alone then looks each time, and all look for themselves
// soon after nobody finds the root key well any more.
inline std::chrono::milliseconds look_stands_for(std::chrono::milliseconds interval) { return interval / 2; }

}  // namespace coffer
