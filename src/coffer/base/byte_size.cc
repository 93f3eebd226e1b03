#include "coffer/base/byte_size.h"

#include <charconv>

namespace coffer {
namespace {

struct SizeUnit {
  std::string_view name;
  int shift;
};
// From the largest.
constexpr SizeUnit kSizeUnits[] = {{"PiB", 50}, {"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"", 0}};

}  // namespace

std::optional<uint64_t> parse_byte_size(std::string_view text) {
  uint64_t count = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failed != std::errc()) return std::nullopt;
  const std::string_view name = text.substr(static_cast<size_t>(end - text.data()));
  for (const SizeUnit& unit : kSizeUnits) {
    if (unit.name == name && count <= UINT64_MAX >> unit.shift) return count << unit.shift;
  }
  return std::nullopt;
}

std::string byte_size_text(uint64_t bytes) {
  for (const SizeUnit& unit : kSizeUnits) {
    const uint64_t count = bytes >> unit.shift;
    if (count != 0 && count << unit.shift == bytes) return std::to_string(count) + std::string(unit.name);
  }
  return "0";
}

}  // namespace coffer
