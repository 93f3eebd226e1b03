#include "coffer/base/interval_thread.h"

namespace coffer {

void IntervalThread::start(Work work) {
  if (thread_.joinable() || is_forked()) return;
  thread_ = std::thread([&signal = *signal_, work = std::move(work)] {
    std::unique_lock lock(signal.mutex);
    while (!signal.stopping) {
      lock.unlock();
      const std::chrono::milliseconds pause = work();
      lock.lock();
      signal.stopped.wait_for(lock, pause, [&] { return signal.stopping; });
    }
  });
}

void IntervalThread::stop() {
  if (!thread_.joinable()) return;
  if (is_forked()) {
    [[maybe_unused]] const Signal* left_alone = signal_.release();
    thread_.detach();
    return;
  }
  {
    std::lock_guard lock(signal_->mutex);
    signal_->stopping = true;
  }
  signal_->stopped.notify_all();
  thread_.join();
}

}  // namespace coffer
