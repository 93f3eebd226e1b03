// A thread that does something again and again until its owner goes. Children of fork() do not have it: in one, its
// owner goes without waiting for it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "coffer/base/per_process.h"

namespace coffer {

class IntervalThread {
 public:
  // Does it once, and says how long to wait before the next time.
  using Work = std::function<std::chrono::milliseconds()>;

  IntervalThread() = default;
  ~IntervalThread() { stop(); }
  IntervalThread(const IntervalThread&) = delete;
  IntervalThread& operator=(const IntervalThread&) = delete;

  // Begins at once; does nothing where it was begun before, or in a child of fork(). Not by two threads at the same
  // time.
  void start(Work work);
  // Waits for what is being done to end; afterwards it is done no more.
  void stop();
  // Whether this is a child of the process that made it: its threads and whatever they guard are not ours.
  bool is_forked() const { return !process_.is_here(); }

 private:
  // Not members themselves: a child of fork() could not destroy a condition that has a waiter which the child lacks.
  struct Signal {
    std::mutex mutex;
    std::condition_variable stopped;
    bool stopping = false;
  };

  const OfOneProcess process_;
  std::unique_ptr<Signal> signal_ = std::make_unique<Signal>();
  std::thread thread_;
};

}  // namespace coffer
