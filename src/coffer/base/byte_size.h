// Sizes as people write them: a number of bytes, or one with KiB, MiB, GiB, TiB or PiB.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace coffer {

// Bytes of "4096", "64KiB", "10GiB"; nothing for anything else, or what 64 bits do not hold.
std::optional<uint64_t> parse_byte_size(std::string_view text);
// The way back, in the largest unit that fits: "64KiB", not "65536".
std::string byte_size_text(uint64_t bytes);

}  // namespace coffer
