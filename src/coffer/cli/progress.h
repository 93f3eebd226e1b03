// One line on the terminal that says how far long work has come. Silent where standard error is not a terminal.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace coffer::cli {

class Progress {
 public:
  explicit Progress(bool enabled);
  ~Progress() { erase(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  bool enabled() const { return enabled_; }
  // At most ten times a second; `whole` of 0 means it is not known.
  void show(std::string_view what, uint64_t part, uint64_t whole, std::string_view detail);
  void erase();
  double seconds() const;  // since it was made

 private:
  bool enabled_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace coffer::cli
