// A gate that changes pass, which somebody may close for a while. Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "coffer/base/deadline.h"

namespace coffer {

// An open gate costs two atomic additions. Whoever closes it waits for those who are under way alone: who comes then
// waits, so that no stream of changes keeps it open.
class ChangeGate {
 public:
  // Waits while it is closed. Each enter() has its leave(). Never by who is inside: a closing may have begun meanwhile.
  void enter();
  // False, at once, where it is closed.
  bool try_enter();
  void leave();

  // Nobody is inside when it returns true. False: at the deadline somebody was, or it was opened meanwhile; it is open.
  // By one at a time.
  bool close(Deadline deadline);
  // Does nothing where it is open.
  void open();

  // What is done as long as it lives is a change.
  class Passage {
   public:
    explicit Passage(ChangeGate& gate) : gate_(gate) { gate_.enter(); }
    ~Passage() { gate_.leave(); }
    Passage(const Passage&) = delete;
    Passage& operator=(const Passage&) = delete;

   private:
    ChangeGate& gate_;
  };

 private:
  static constexpr uint32_t kClosed = uint32_t{1} << 31;  // the rest counts who is inside

  std::atomic<uint32_t> state_{0};
  std::mutex mutex_;
  std::condition_variable changed_;  // it was opened, or the last who was inside of a closed one has left
};

}  // namespace coffer
