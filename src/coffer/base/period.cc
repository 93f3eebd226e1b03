#include "coffer/base/period.h"

#include <charconv>
#include <ctime>

namespace coffer {
namespace {

constexpr uint64_t kPeriodMax = uint64_t{100} * 366 * 86400;

struct PeriodUnit {
  char letter;
  uint64_t seconds;
};
// From the largest that period_text() uses.
constexpr PeriodUnit kUnits[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}, {'w', 7 * 86400}};

}  // namespace

std::optional<uint64_t> parse_period(std::string_view text) {
  uint64_t count = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failed != std::errc() || end + 1 != text.data() + text.size()) return std::nullopt;
  for (const PeriodUnit& unit : kUnits) {
    if (unit.letter == *end && count <= kPeriodMax / unit.seconds) return count * unit.seconds;
  }
  return std::nullopt;
}

std::string period_text(uint64_t seconds) {
  if (seconds == 0) return "0s";
  for (const PeriodUnit& unit : kUnits) {
    if (seconds % unit.seconds == 0) return std::to_string(seconds / unit.seconds) + unit.letter;
  }
  return std::to_string(seconds) + "s";
}

std::string utc_text(uint64_t seconds) {
  char text[32];
  const auto time = static_cast<time_t>(seconds);
  tm parts{};
  const bool known = seconds <= uint64_t{INT64_MAX} && gmtime_r(&time, &parts) != nullptr;
  const size_t size = known ? std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) : 0;
  return size > 0 ? std::string(text, size) : std::to_string(seconds);
}

}  // namespace coffer
