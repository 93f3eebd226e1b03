// What commands share that write many files anew: an end that people may wish for, and a rate.
#pragma once

#include <csignal>

#include "coffer/cli/command.h"
#include "coffer/io/pace.h"

namespace coffer::cli {

// As long as it is there, people's signals to end are a wish that is heeded between two pieces of a file. One at a
// time.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  static bool came();

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction before_[std::size(kSignals)];
};

// That of --rate; nothing without it.
Result<Rate> first_rate(const Arguments& arguments);

}  // namespace coffer::cli
