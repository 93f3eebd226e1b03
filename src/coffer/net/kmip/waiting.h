// Waiting on sockets, never for ever: every wait has a deadline and can be ended from another thread.
#pragma once

#include <chrono>
#include <memory>

#include "coffer/base/deadline.h"

namespace coffer::kmip {

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
Status wait_until(int socket, Readiness readiness, Deadline deadline, const Interrupt& interrupt);

}  // namespace coffer::kmip
