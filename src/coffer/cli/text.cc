#include "coffer/cli/text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>

#include "coffer/base/check.h"

namespace coffer::cli {
namespace {

// Columns on the screen: code points, as none of ours is wide or combining.
size_t width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::string size_text(uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, value == std::floor(value) ? 0 : 1, kUnits[unit]);
}

Result<uint64_t> parse_time(const std::string& text, std::string_view what) {
  constexpr uint64_t kSecondsMin = 1'000'000'000;
  uint64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size() && seconds >= kSecondsMin) return seconds;
  for (const char* form : {"%Y-%m-%d", "%Y-%m-%d %H:%M:%S"}) {
    std::tm parts{};
    const char* rest = strptime(text.c_str(), form, &parts);
    if (rest != nullptr && *rest == '\0' && parts.tm_year >= 70) return static_cast<uint64_t>(timegm(&parts));
  }
  return {Code::kInvalidArgument,
          fmt::format("{}: expected a time such as 2030-01-01 or \"2030-01-01 12:00:00\" (UTC)", what)};
}

std::string age_text(uint64_t seconds) {
  if (seconds < 100) return fmt::format("{} s", seconds);
  if (seconds < 100 * 60) return fmt::format("{} min", seconds / 60);
  if (seconds < 72 * 3600) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} days", seconds / 86400);
}

std::string duration_text(double seconds) {
  return seconds < 10 ? fmt::format("{:.2f} s", seconds) : age_text(static_cast<uint64_t>(seconds));
}

std::string time_text(uint64_t unix_seconds) {
  if (unix_seconds == 0) return "never";
  // Later than the year 9999: nonsense, but still to be shown.
  if (unix_seconds > 253402300799) return fmt::format("{} s", unix_seconds);
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(unix_seconds)));
}

std::string count_text(uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string percent_text(uint64_t part, uint64_t whole) {
  if (whole == 0) return "-";
  const double percent = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  if (part == whole) return "100 %";
  if (part == 0) return "0 %";
  return fmt::format("{:.1f} %", std::clamp(percent, 0.1, 99.9));
}

void Table::add(std::vector<std::string> cells) {
  COFFER_REQUIRE(cells.size() == columns_.size(), "a row of a table has as many cells as the table has columns");
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<size_t> widths(columns_.size(), 0);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - width(row[i]), ' ');
      line += columns_[i] == Align::kRight ? padding + row[i] : row[i] + padding;
      if (i + 1 < row.size()) line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace coffer::cli
