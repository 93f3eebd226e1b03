// Waiting on sockets, never for ever: every wait has a deadline and can be ended from another thread.
#pragma once

#include <chrono>
#include <memory>

#include "coffer/base/status.h"

namespace coffer::kmip {

class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds from_now) : at_(std::chrono::steady_clock::now() + from_now) {}

  // Rounded up, so that a wait of it does not end early; 0 once the deadline has passed.
  std::chrono::milliseconds remaining() const;

 private:
  std::chrono::steady_clock::time_point at_;
};

// Ends the waits of one user, now and later, when its owner is going away. Thread-safe.
class Interrupt {
 public:
  static Result<std::shared_ptr<Interrupt>> create();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  void trigger();
  bool triggered() const;
  // Sleeps; false when it was ended early.
  bool sleep(std::chrono::milliseconds duration) const;
  int descriptor() const { return descriptor_; }

 private:
  explicit Interrupt(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

enum class Readiness { kReadable, kWritable };

// kProviderUnavailable: "timed out" or "interrupted".
Status wait_until(int socket, Readiness readiness, const Deadline& deadline, const Interrupt& interrupt);

}  // namespace coffer::kmip
