// Bounds on time: deadlines, and calls into libraries that have none.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "coffer/base/status.h"

namespace coffer {

using Deadline = std::chrono::steady_clock::time_point;

inline Deadline deadline_in(std::chrono::milliseconds from_now) { return std::chrono::steady_clock::now() + from_now; }
// Rounded up, so that a wait of it does not end early; 0 once the deadline has passed.
inline std::chrono::milliseconds left_until(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return std::max(left, std::chrono::milliseconds(0));
}

// Runs `work` on a thread of its own and waits for it at most `patience`; then kProviderUnavailable, and the thread is
// left to itself: `work` owns whatever it uses. `who` is what the error says does not answer.
template <class T>
Result<T> within(std::chrono::milliseconds patience, const std::string& who, std::function<Result<T>()> work) {
  auto task = std::make_shared<std::packaged_task<Result<T>()>>(std::move(work));
  std::future<Result<T>> done = task->get_future();
  std::thread thread([task] { (*task)(); });
  if (done.wait_for(patience) == std::future_status::ready) {
    thread.join();
    return done.get();
  }
  thread.detach();
  return {Code::kProviderUnavailable,
          who + " did not answer within " + std::to_string(patience.count()) + " ms (option timeout_millis)"};
}

}  // namespace coffer
