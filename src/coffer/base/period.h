// Lengths of time as people write them: a number and one of s, m, h, d, w. And points in time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace coffer {

// Seconds of "90s", "30m", "12h", "7d", "2w"; at most a hundred years. Nothing for anything else.
std::optional<uint64_t> parse_period(std::string_view text);
// The way back, in the largest unit that fits: "7d", not "168h"; weeks as days.
std::string period_text(uint64_t seconds);
// Unix seconds as "2024-01-31T13:37:00Z"; the number where no calendar goes that far.
std::string utc_text(uint64_t seconds);

}  // namespace coffer
