// Waits for what another thread or process is about to do.
#pragma once

#include <chrono>
#include <thread>

namespace coffer {

// Whether the condition comes within a minute, which is long enough for any machine.
template <class Condition>
bool comes(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace coffer
