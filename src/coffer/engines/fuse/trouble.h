// How a mount tells of what goes wrong: an error number to the program, and a line with the reason in the log.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "coffer/base/clock.h"
#include "coffer/base/status.h"

namespace coffer::fusefs {

// EIO for bytes that cannot be trusted, EACCES for what is refused though nothing is wrong with it.
int errno_of(const Status& status);

// Thread-safe. The same line is told once a minute at most: a program may ask again and again.
class TroubleLog {
 public:
  using Write = std::function<void(const std::string& line)>;
  explicit TroubleLog(Write write) : write_(std::move(write)) {}

  void tell(const std::string& line) const { write_(line); }
  // What errno_of() says. Tells of what somebody should look at: of a full disk or a file too large the program hears.
  int explain(const Status& status);

 private:
  static constexpr uint64_t kQuietSeconds = 60;
  static constexpr size_t kRememberedMax = 1024;

  const Write write_;
  std::mutex mutex_;
  std::map<std::string, uint64_t, std::less<>> told_;  // when
};

}  // namespace coffer::fusefs
