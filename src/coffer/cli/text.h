// How numbers, times and tables read to people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/base/clock.h"
#include "coffer/base/status.h"
#include "coffer/base/text.h"

namespace coffer::cli {

std::string size_text(uint64_t bytes);                          // "512 B", "1.2 MiB"
std::string age_text(uint64_t seconds);                         // "12 s", "3 min", "5 h", "12 days"
std::string duration_text(double seconds);                      // "0.02 s", "75 s", "12 min"
std::string time_text(uint64_t unix_seconds);                   // "2024-05-01 12:00:00 UTC"; "never" for 0
// The way back: Unix seconds of "2030-01-01", "2030-01-01 12:00:00" (UTC), or of Unix seconds. Small numbers are more
// likely a year, and refused. `what` names the text in errors.
Result<uint64_t> parse_time(const std::string& text, std::string_view what);
std::string count_text(uint64_t count, std::string_view noun);  // "1 file", "3 files"
// "98.6 %". Only everything is 100 and only nothing is 0: 99.99 % of a store is not all of it.
std::string percent_text(uint64_t part, uint64_t whole);

// Columns as wide as their widest cell, two spaces between. Not for secrets.
class Table {
 public:
  enum class Align { kLeft, kRight };
  explicit Table(std::vector<Align> columns) : columns_(std::move(columns)) {}
  // REQUIRES: as many cells as columns.
  void add(std::vector<std::string> cells);
  std::string text() const;

 private:
  std::vector<Align> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace coffer::cli
